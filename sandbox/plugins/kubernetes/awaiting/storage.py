"""When a PersistentVolume or a PersistentVolumeClaim is ready.

The rules are the official provider's (provider/pkg/await/awaiters.go).
"""

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.verdict import Message, Observed, Verdict, info, warning
from sandbox.plugins.kubernetes.objects import name_of, pluck


def judge_volume(seen: Observed) -> Verdict:
    """Ready when a claim may take the volume, or has."""
    phase = pluck(seen.object, "status", "phase")
    lines = {"Available": "✅ PV marked available", "Bound": "✅ PV has been bound"}
    if phase in lines:
        return Verdict(True, [info(lines[phase])])
    return Verdict(False, reasons=[f"PersistentVolume is {phase or 'not yet seen by its controller'}"])


def judge_claim(seen: Observed) -> Verdict:
    """Ready when bound, or, where its StorageClass binds at first use, when pending."""
    claim = seen.object
    phase, storage_class = pluck(claim, "status", "phase"), pluck(claim, "spec", "storageClassName")
    modes = {name_of(known): pluck(known, "volumeBindingMode") for known in seen.all("StorageClass")}
    late = modes.get(storage_class) == "WaitForFirstConsumer"
    if phase == "Bound" or (late and phase == "Pending"):
        return Verdict(True)
    progress: list[Message] = []
    if not storage_class:
        progress.append(warning(f'no storage class found for "{name_of(claim)}"'))
    elif storage_class not in modes:
        progress.append(warning(f'getting storageclass "{storage_class}": not found'))
    reasons = [f"PersistentVolumeClaim is {phase or 'not yet seen by its controller'}"]
    return Verdict(False, progress, reasons=reasons + pods.claim_reasons([claim], seen))
