"""Slipway asks its own questions, whatever a user's PULUMI_SKIP_CONFIRMATIONS says."""

import os
from pathlib import Path

import pytest

from slipway.pulumi.project import Project

# As pulumi 3.274 does.
PULUMI = """#!/bin/sh
case "$*" in *version*) echo v3.274.1; exit;; esac
case "$PULUMI_SKIP_CONFIRMATIONS" in true)
  echo "error: --yes and --preview-only cannot be used together" >&2
  exit 255;;
esac
echo done
"""


def test_a_preview_of_a_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pulumi"
    program.write_text(PULUMI)
    program.chmod(0o755)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PULUMI_SKIP_CONFIRMATIONS", "true")
    assert Project(tmp_path).stack("dev").command("refresh", "--preview-only") == "done"
