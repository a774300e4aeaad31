#!/usr/bin/env bash
# Draw docs/images/preview.png: the page that `slipway preview` writes about a few changes of the stack `dev`.
# Run `make up` and `make browser` first. The changes are made in a copy of the project, and are not applied.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
eval "$("$project/.venv/bin/sandbox" env)"

git clone --quiet "$project" "$copy/project"
cd "$copy/project"
ln -s "$project/.venv" .venv
sed -i 's/Visits so far/Visits up to now/' app/hitcounter/templates/index.html
git -c user.name=Slipway -c user.email=slipway@localhost commit --quiet --all --message 'app: change the caption'
pulumi config set --stack dev --path web.replicas 2
pulumi config set --stack dev --path web.serviceType NodePort
pulumi config set --stack dev --path redis.resources.limits.cpu 500m
pulumi config set --stack dev --path redis.resources.limits.memory 192Mi

python -m slipway preview --stack dev --base-ref HEAD~1 --fail-on never --output "$copy/report.html"
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$copy/browser" \
  --force-device-scale-factor=1.5 --window-size=1200,605 --screenshot="$project/docs/images/preview.png" \
  "file://$copy/report.html"
