#!/usr/bin/env bash
# Writes a comment on a pull request, in the place of the one that begins with the same line: NUMBER FILE
set -euo pipefail
number=$1 file=$2
mark=$(head -n 1 "$file")
comments=repos/$GITHUB_REPOSITORY/issues/$number/comments
# The mark alone could be anybody's: only what this workflow's own user wrote is replaced.
found=$(gh api --paginate "$comments" --jq ".[] | select(.user.type == \"Bot\") | select(.body | startswith(\"$mark\")) | .id" | head -n 1)
if [ -n "$found" ]; then
	gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$found" --field body=@"$file"
else
	gh api --silent --method POST "$comments" --field body=@"$file"
fi
