#!/usr/bin/env bash
# Turn the exit code of `slipway preview` into pass or fail. Arguments: CODE ACCEPTED (true or false)
set -euo pipefail
code=$1 accepted=$2
case "$code:$accepted" in
0:* | 2:* | 3:true) ;;
3:*) echo "::error::dangerous changes; add the label 'dangerous accepted' to accept them" && exit 1 ;;
*) echo "::error::the preview failed, or a change violates a policy" && exit 1 ;;
esac
