#!/usr/bin/env bash
# demo.sh - the main job of Tacit on real data, end to end, and four refusals.
#
# Launches a mesh with two workers, pushes two models, grants them, classifies the held-out sets
# through the whole path, checks the answers against the training frameworks', verifies a receipt,
# scales to four workers and back, shows who is refused and why, and searches for plaintext where
# none may be. Exits 0 only if every step did what it says. Run by `./run demo`; TACIT_TEE=tdx or nitro
# makes it a mesh of that kind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

bin=${TACIT_BIN:?the folder of the programs}
python=/usr/bin/python3
work=$(mktemp -d "${TMPDIR:-/tmp}/tacit-demo.XXXXXX")
export TACIT_STATE=$work/state
owner=(--identity "$work/hospital-vendor")
user=(--identity "$work/clinic")
stranger=(--identity "$work/stranger")

step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n== %s\n' "$*"; }
fail() { printf 'demo: FAILED: %s\n' "$*" >&2; exit 1; }
json() { "$python" -c 'import json, sys; print(eval("v" + sys.argv[1], {"v": json.load(sys.stdin)}))' "$1"; }
operator() { "$bin/tacit-operator" "$@"; }
mlowner() { "$bin/tacit-mlowner" "$@"; }
dataowner() { "$bin/tacit-dataowner" "$@"; }

finish() {
    local code=$?
    trap - EXIT
    operator down >/dev/null 2>&1 || true
    if [ "$code" -ne 0 ] && [ -d "$TACIT_STATE/log" ]; then
        printf '\n-- the last words of the services:\n' >&2
        tail -n 5 "$TACIT_STATE"/log/*.log >&2 || true
    fi
    [ -n "${TACIT_KEEP:-}" ] || rm -rf "$work"
    [ "$code" -eq 0 ] || printf '\ndemo: FAILED\n' >&2
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT TERM

# refused CODE TEXT COMMAND...: the command must end in that exit code and say that text.
refused() {
    local want=$1 text=$2 code=0
    shift 2
    "$@" >"$work/refusal" 2>&1 || code=$?
    sed 's/^/   | /' "$work/refusal"
    [ "$code" -eq "$want" ] || fail "exit code $code where $want was due"
    grep -q -- "$text" "$work/refusal" || fail "it does not say \"$text\""
}

# rogue NAME: a worker started by the host from a folder of its own, against the running mesh.
rogue() {
    timeout 30 "$work/$1/tacit-workerd" --trust "$TACIT_STATE/trust.json" \
        --platform "$TACIT_STATE/run/platform.sock" 2>/dev/null
}

step "The operator launches a mesh"
operator up ${TACIT_TEE:+--tee "$TACIT_TEE"}

step "The model's owner looks at it before trusting it with anything"
mlowner init "${owner[@]}"
mlowner verify "${owner[@]}"

step "She pushes two models, encrypted under keys that only she and the key service have"
mlowner push breast-cancer/model.onnx --name breast-cancer "${owner[@]}"
mlowner push digits/model.onnx --name digits "${owner[@]}"

step "The data owner enrols; the model's owner grants both models to him"
dataowner init "${user[@]}"
user_id=$(dataowner init "${user[@]}" --json | json '["user"]')
owner_id=$(mlowner init "${owner[@]}" --json | json '["user"]')
mlowner grant breast-cancer --user "$user_id" "${owner[@]}"
mlowner grant digits --user "$user_id" "${owner[@]}"
mlowner list "${owner[@]}"

step "He classifies 30 features of 143 biopsies: sealed to attested workers, sealed back to him"
dataowner infer "$owner_id/breast-cancer" breast-cancer/inputs.csv --receipts "$work/receipts" \
    --output "$work/breast-cancer.csv" "${user[@]}" | sed -n 1,8p
"$python" compare.py "$work/breast-cancer.csv" breast-cancer/expected.csv breast-cancer/labels.csv ||
    fail "the answers differ from the training framework's"

step "And 180 pictures of handwritten digits"
dataowner infer "$owner_id/digits" digits/images/*.png --receipts "$work/receipts" \
    --output "$work/digits.csv" "${user[@]}" | sed -n 1,8p
"$python" compare.py "$work/digits.csv" digits/expected.csv digits/labels.csv ||
    fail "the answers differ from the training framework's"

step "One receipt, verified without the mesh: who answered what, in which code, under which policy"
receipt=$(find "$work/receipts" -type f | sort | head -n 1)
dataowner receipt verify "$receipt" "${user[@]}"

step "Four workers, and two again"
operator scale --workers 4
dataowner infer "$owner_id/digits" digits/images/00*.png "${user[@]}" | sed -n 1,4p
operator scale --workers 2
operator status

step "Refusal 1: the host changes one byte of the worker's program"
mkdir "$work/changed"
cp "$bin"/tacit-workerd{,.enclave,.sigstruct} "$work/changed/"
"$python" - "$work/changed/tacit-workerd" <<'PATCH'
import sys
with open(sys.argv[1], "r+b") as program:
    data = program.read()
    at = data.index(b"asked to stop")
    program.seek(at)
    program.write(b"A")
PATCH
refused 1 platform_refused rogue changed
echo "   ... and signs it again with a key of its own:"
"$bin/tacit-sign" --key "$work/host.pem" --role worker --svn 1 "$work/changed/tacit-workerd"
refused 1 measurement_refused rogue changed

step "Refusal 2: the host runs the genuine worker as a debug enclave, to read its memory"
mkdir "$work/debug"
cp "$bin/tacit-workerd" "$work/debug/"
"$bin/tacit-sign" --key "$work/host.pem" --role worker --svn 1 --debug "$work/debug/tacit-workerd"
refused 1 debug_refused rogue debug
operator audit refusals

step "Refusal 3: a user without a grant"
dataowner init "${stranger[@]}"
refused 8 "no grant for this user" dataowner infer "$owner_id/breast-cancer" breast-cancer/inputs.csv "${stranger[@]}"

step "Refusal 4: a grant that was just taken back"
mlowner revoke breast-cancer --user "$user_id" "${owner[@]}"
sleep 1 # the longest that a worker may go on with keys in its memory
refused 9 "the grant was revoked" dataowner infer "$owner_id/breast-cancer" breast-cancer/inputs.csv "${user[@]}"

step "A canary in model and data: nowhere on disk, in no process but the workers"
canary=canary$("$python" -c 'import secrets; print(secrets.token_hex(16))')
"$python" - "$canary" "$work" digits/model.onnx <<'PLANT'
import struct, sys
canary, work, model = sys.argv[1].encode(), sys.argv[2], sys.argv[3]
# ModelProto.doc_string (field 6), appended: the model says the canary and computes as before.
with open(model, "rb") as source, open(f"{work}/canary.onnx", "wb") as planted:
    planted.write(source.read() + bytes([0x32, len(canary)]) + canary)
# A picture's tensor whose bytes begin with the canary: [1,1,8,8] float32 as NPY.
header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 8, 8), }"
header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
with open(f"{work}/canary.npy", "wb") as tensor:
    tensor.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    tensor.write((canary + b"\0" * 256)[:256])
PLANT
mlowner push "$work/canary.onnx" --name canary "${owner[@]}"
mlowner grant canary --user "$user_id" "${owner[@]}"
dataowner infer "$owner_id/canary" "$work/canary.npy" "${user[@]}" >/dev/null
pids=$(operator status --json | "$python" -c '
import json, sys
for process in json.load(sys.stdin)["processes"]:
    if not process["name"].startswith("worker-"):
        print("--pid", process["pid"])')
supervisor=$(pgrep -f "tacit-supervisord --state $TACIT_STATE" | head -n 1)
search=("$python" canary.py --canary "$canary" --folder "$TACIT_STATE" --pid "$supervisor")
[ "$(id -u)" -eq 0 ] || search=(sudo "${search[@]}")
# shellcheck disable=SC2086
"${search[@]}" $pids || fail "plaintext where none may be"
echo "absent from every file of the mesh and from the memory of every process but the workers"

step "The mesh goes down; its state stays"
operator down
printf '\nEvery step did what it says.\n'
