# shellcheck shell=bash
# Write $KUBECONFIG_CONTENT to a private file that lasts as long as the shell which sources this file.
umask 077
KUBECONFIG=$(mktemp "$RUNNER_TEMP/kubeconfig.XXXXXX")
export KUBECONFIG
trap 'rm -f "$KUBECONFIG"' EXIT
printf '%s' "$KUBECONFIG_CONTENT" >"$KUBECONFIG"
unset KUBECONFIG_CONTENT
