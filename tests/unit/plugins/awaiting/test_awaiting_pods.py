"""What is said of Pods that do not become ready."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.verdict import Observed
from sandbox.plugins.kubernetes.awaiting_context import Object
from tests.unit.plugins.awaiting import samples

UNREADY = "[Pod shop/web-1]: containers with unready status: [web]"


def reasons(pod: Object, **related: list[Object]) -> list[str]:
    verdict = pods.judge(Observed(pod, related))
    assert not verdict.ready
    return verdict.why()


def test_a_running_pod_that_answers_its_probes_is_ready() -> None:
    verdict = pods.judge(Observed(samples.ready_pod("web-1")))
    assert verdict.ready
    assert [message.text for message in verdict.progress] == [
        'Waiting for Pod "shop/web-1" to be scheduled',
        'Waiting for Pod "shop/web-1" to be initialized',
        'Waiting for Pod "shop/web-1" to be ready',
    ]


def test_a_pod_that_has_run_to_its_end_is_ready() -> None:
    ended = samples.condition("Ready", "False", "PodCompleted")
    done = samples.pod("web-1", samples.SCHEDULED, samples.INITIALIZED, ended, phase="Succeeded")
    assert pods.judge(Observed(done)).ready


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    assert reasons(samples.unready_pod("web-1", samples.PULLING)) == [
        f"{UNREADY}[ImagePullBackOff] {samples.PULL_ERROR}"
    ]


def test_a_crash_loop_names_the_exit_code_and_the_last_words() -> None:
    crashing = samples.container(
        state={
            "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
        },
        lastState={
            "terminated": {
                "exitCode": 3,
                "reason": "Error",
                "finishedAt": "2026-01-02T03:04:06Z",
                "message": "KeyError: 'DATABASE_URL'",
            }
        },
    )
    assert reasons(samples.unready_pod("web-1", crashing)) == [
        f"{UNREADY}[CrashLoopBackOff] back-off 10s restarting failed container\n"
        'container "web" terminated at 2026-01-02T03:04:06Z (Error: exit code 3)\n'
        "KeyError: 'DATABASE_URL'"
    ]


def test_a_container_that_ended_names_its_exit_code() -> None:
    ended = samples.container(state={"terminated": {"exitCode": 7, "reason": "Error"}})
    assert reasons(samples.unready_pod("web-1", ended)) == [
        f'{UNREADY}container "web" completed with exit code 7'
    ]


def test_last_words_do_not_hide_the_exit_code() -> None:
    ended = samples.container(
        state={"terminated": {"exitCode": 7, "reason": "Error", "message": "no database"}}
    )
    assert reasons(samples.unready_pod("web-1", ended)) == [
        f"{UNREADY}[Error] no database",
        '[Pod shop/web-1]: container "web" completed with exit code 7',
    ]


def test_the_scheduler_says_why_it_found_no_node() -> None:
    why = "0/2 nodes are available: 2 Insufficient memory."
    pending = samples.pod("web-1", samples.condition("PodScheduled", "False", "Unschedulable", why))
    assert reasons(pending) == [f"[Pod shop/web-1]: {why}"]


def test_a_pod_held_back_by_its_claim_tells_why_the_claim_is_pending() -> None:
    why = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    pending = samples.pod("web-1", samples.condition("PodScheduled", "False", "Unschedulable", why))
    pending["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "data"}}]
    claim = samples.obj("v1", "PersistentVolumeClaim", "data", status={"phase": "Pending"})
    provisioning = samples.event(claim, "ProvisioningFailed", 'storageclass "fast" not found')
    assert reasons(pending, PersistentVolumeClaim=[claim], Event=[provisioning]) == [
        f"[Pod shop/web-1]: {why}",
        '[PersistentVolumeClaim shop/data]: [ProvisioningFailed] storageclass "fast" not found',
    ]


def test_a_failing_init_container_is_named() -> None:
    waiting = samples.condition(
        "Initialized", "False", "ContainersNotInitialized", "containers with incomplete status: [migrate]"
    )
    stuck = samples.pod(
        "web-1",
        samples.SCHEDULED,
        waiting,
        initContainerStatuses=[
            samples.container("migrate", state={"terminated": {"exitCode": 1, "reason": "Error"}})
        ],
        containerStatuses=[samples.container(state={"waiting": {"reason": "PodInitializing"}})],
    )
    assert reasons(stuck) == [
        "[Pod shop/web-1]: containers with incomplete status: [migrate][PodInitializing] \n"
        'container "migrate" completed with exit code 1'
    ]


def test_what_only_the_kubelet_knows_is_told_when_no_container_tells_more() -> None:
    creating = samples.unready_pod(
        "web-1", samples.container(state={"waiting": {"reason": "ContainerCreating"}})
    )
    mount = samples.event(creating, "FailedMount", 'configmap "settings" not found')
    assert reasons(creating, Event=[mount]) == [
        UNREADY,
        '[Pod shop/web-1]: [FailedMount] configmap "settings" not found',
    ]
    assert len(reasons(samples.unready_pod("web-1", samples.PULLING), Event=[mount])) == 1


def test_a_failing_probe_is_named_with_its_latest_answer() -> None:
    running = samples.unready_pod("web-1", samples.container(state={"running": {}}))
    answers = [
        samples.event(
            running, "Unhealthy", f"Readiness probe failed: {code}", when=f"2026-01-02T03:04:{when}Z"
        )
        for when, code in ((10, 503), (20, 500))
    ]
    assert reasons(running, Event=answers)[-1] == "[Pod shop/web-1]: [Unhealthy] Readiness probe failed: 500"


def test_events_of_an_earlier_attempt_are_not_told() -> None:
    running = samples.unready_pod("web-1", samples.container(state={"running": {}}))
    running["metadata"]["managedFields"] = [
        {"time": "2026-01-02T04:00:00Z"},
        {"time": "2026-01-02T05:00:00Z", "subresource": "status"},
    ]
    old = samples.event(running, "Unhealthy", "old", when="2026-01-02T03:59:59Z")
    new = samples.event(running, "Unhealthy", "new", when="2026-01-02T04:00:00Z")
    assert reasons(running, Event=[old]) == [UNREADY]
    assert reasons(running, Event=[new, old])[-1].endswith("[Unhealthy] new")


WAITING = st.fixed_dictionaries(
    {
        "waiting": st.fixed_dictionaries(
            {
                "reason": st.sampled_from(
                    ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "CrashLoopBackOff"]
                ),
                "message": st.text(),
            }
        )
    }
)
TERMINATED = st.fixed_dictionaries(
    {"terminated": st.fixed_dictionaries({"reason": st.just("Error"), "exitCode": st.integers(1, 255)})}
)
RUNNING: st.SearchStrategy[Object] = st.just({"running": {}})


@given(st.lists(st.tuples(st.booleans(), st.one_of(WAITING, TERMINATED, RUNNING)), min_size=1, max_size=4))
def test_every_container_in_trouble_is_in_the_reasons(containers: list[tuple[bool, dict[str, Any]]]) -> None:
    statuses: list[Object] = [
        {"name": f"c{number}", "ready": ready, "state": {"running": {}} if ready else state}
        for number, (ready, state) in enumerate(containers)
    ]
    told = "\n".join(reasons(samples.unready_pod("web-1", *statuses)))
    for status in statuses:
        state = status["state"]
        if "waiting" in state:
            assert f"[{state['waiting']['reason']}]" in told
        if "terminated" in state:
            assert (
                f'container "{status["name"]}" completed with exit code {state["terminated"]["exitCode"]}'
                in told
            )
