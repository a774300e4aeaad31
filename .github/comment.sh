#!/usr/bin/env bash
# Write a comment on a pull request, or update the one that begins with the same line. Arguments: NUMBER FILE
set -euo pipefail
number=$1 file=$2
mark=$(head -n 1 "$file")
# Unreviewed code may have written the file, and the line becomes a part of a query.
if ! [[ $mark =~ ^'<!-- slipway '[a-z\ ]+' -->'$ ]]; then
	echo "::error::$file does not begin with a mark such as <!-- slipway preview -->"
	exit 1
fi
comments=repos/$GITHUB_REPOSITORY/issues/$number/comments
# Anybody could write the same first line, so only a comment by a bot is updated.
query=".[] | select(.user.type == \"Bot\") | select(.body | startswith(\"$mark\")) | .id"
comment=$(gh api --paginate "$comments" --jq "$query" | head -n 1)
if [ -n "$comment" ]; then
	gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$comment" --field body=@"$file"
else
	gh api --silent --method POST "$comments" --field body=@"$file"
fi
