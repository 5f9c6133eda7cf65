#!/usr/bin/env bash
# Fuzzes the parsers of bytes from outside (end2end/fuzz): `fuzz.sh [SECONDS [TARGET]]`, every target by itself for so
# many seconds, as many side by side as there are processors. Fails when an input breaks a promise, and says how to
# repeat it. The corpus stays as it is; what is found lies in target/fuzz/found/TARGET/new. To keep the part of it that
# reaches further: FUZZ_TARGET=TARGET <fuzzer> -merge=1 end2end/fuzz/corpus/TARGET target/fuzz/found/TARGET/new
set -euo pipefail
cd "$(dirname "$0")/.."

limit=${1:-180}
mapfile -t all < <(ls end2end/fuzz/corpus)
targets=("${all[@]}")
[ -z "${2:-}" ] || targets=("$2")
for target in "${targets[@]}"; do
  [ -d "end2end/fuzz/corpus/$target" ] || { echo "There is no target $target, but ${all[*]}." >&2; exit 2; }
done

# libFuzzer is C++; for `--target`, flags reach neither build scripts nor macros. The flags are those of cargo-fuzz,
# but for a sanitizer, which would need another compiler: safe Rust is searched for broken promises, not for broken
# memory. One codegen unit, because code that is watched is inlined across units no more.
host=$(rustc -vV | sed -n 's/^host: //p')
watched="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
watched+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
watched+=" -Cllvm-args=-sanitizer-coverage-stack-depth -Cllvm-args=-simplifycfg-branch-fold-threshold=0"
RUSTFLAGS="$watched --cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1" \
  cargo build --release -p fuzz --bin fuzz --features fuzz/fuzzing --target "$host" --target-dir target/fuzz
fuzzer=target/fuzz/$host/release/fuzz

fuzz() {
  local target=$1 found=target/fuzz/found/$1 dictionary=end2end/fuzz/dictionaries/$1.dict status=0
  rm -rf "$found"
  mkdir -p "$found/new"
  local arguments=(-max_total_time="$limit" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1
    -artifact_prefix="$found/")
  [ ! -e "$dictionary" ] || arguments+=(-dict="$dictionary")
  # New inputs go to the first folder.
  FUZZ_TARGET=$target timeout $((limit + 120)) "$fuzzer" "${arguments[@]}" "$found/new" \
    "end2end/fuzz/corpus/$target" >"$found/log" 2>&1 || status=$?
  echo "$status" >"$found/status"
}

say() { sed -n "s/$2/\\1/p" "target/fuzz/found/$1/log" | tail -n 1; }

for target in "${targets[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
  fuzz "$target" &
done
wait

failed=0
printf '%-16s %12s %9s %9s %6s %8s\n' target runs runs/s coverage new crashes
for target in "${targets[@]}"; do
  found=target/fuzz/found/$target
  crashes=$(find "$found" -maxdepth 1 -name '*-*' | wc -l)
  printf '%-16s %12s %9s %9s %6s %8s\n' "$target" "$(say "$target" '^stat::number_of_executed_units: *\([0-9]*\)')" \
    "$(say "$target" '^stat::average_exec_per_sec: *\([0-9]*\)')" "$(say "$target" '.* cov: \([0-9]*\) .*')" \
    "$(find "$found/new" -type f | wc -l)" "$crashes"
  [ "$crashes" = 0 ] && [ "$(cat "$found/status")" = 0 ] || failed=1
done
[ "$failed" = 1 ] || exit 0

for target in "${targets[@]}"; do
  found=target/fuzz/found/$target
  [ "$(cat "$found/status")" != 0 ] || continue
  printf '\n%s:\n' "$target"
  grep -aE "panicked at|SUMMARY|^assertion|^ +(left|right):" -A1 "$found/log" | head -n 12 || tail -n 5 "$found/log"
  for input in "$found"/*-*; do
    [ ! -e "$input" ] || echo "Repeat it: FUZZ_TARGET=$target $fuzzer $input"
  done
done
exit 1
