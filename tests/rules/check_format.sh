#!/usr/bin/env bash
# Every C++ file is as clang-format 14 leaves it. Other versions lay code out differently, so
# without version 14 this skips (exit code 77), and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."

formatter=''
for candidate in clang-format-14 clang-format; do
  if "$candidate" --version 2>/dev/null | grep -q 'version 14\.'; then
    formatter="$candidate"
    break
  fi
done
if [ -z "$formatter" ]; then
  echo 'SKIPPED: format check: clang-format 14 is not here'
  exit 77
fi

git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.hpp' '*.cu' '*.cuh' '*.h' |
  while IFS= read -r -d '' file; do
    if [ -e "$file" ]; then printf '%s\0' "$file"; fi
  done |
  xargs -0 -r -n 16 -P "$(nproc)" "$formatter" --dry-run --Werror -ferror-limit=1 &&
  echo 'every file is formatted' || {
  echo 'run: clang-format -i FILE'
  exit 1
}
