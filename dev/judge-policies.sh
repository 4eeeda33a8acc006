#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# Loads each policy of a directory into a running agent, one after the other and each by itself, and says what became of
# it: a line a document, "loads" or "refused" and why. Ends with 0 if every document got a verdict. Needs nothing but
# busybox and apus, so that it runs in a guest.
#
# usage: judge-policies.sh DIRECTORY [APUS_FLAG]...      such as --server-address unix:///tmp/apus.sock
#
# Documents that are no policies are counted and left out. A policy that the agent has already is not touched.
set -u

bb=/bin/busybox
directory=${1:?usage: judge-policies.sh DIRECTORY [APUS_FLAG]...}
shift
apus=${APUS:-apus}
work=$($bb mktemp -d /tmp/judge.XXXXXX) || exit 1
trap '$bb rm -rf "$work"' EXIT

# split FILE: its documents, into $work/1, 2, …
split() {
    $bb rm -f "$work"/[0-9]*
    $bb awk -v out="$work/" 'BEGIN { n = 1 } /^---([ \t].*)?$/ { n++; next } { print > (out n) }' "$1"
}

# field NAME FILE: of the first level, or of metadata.
field() { $bb awk -v key="$1:" '$1 == key && /^[a-zA-Z]/ { print $2; exit }' "$2"; }
of_metadata() {
    $bb awk -v key="$1:" '/^[^ #]/ { inside = $1 == "metadata:" } inside && $1 == key { print $2; exit }' "$2" |
        $bb tr -d "\"'"
}

loads=0 refused=0 others=0 broken=0
printf '%s\t%s\t%s\t%s\n' file document verdict reason
for file in $($bb find "$directory" -type f -name '*.y*ml' | $bb sort); do
    split "$file"
    for document in $($bb find "$work" -type f -name '[0-9]*' | $bb sort); do
        kind=$(field kind "$document")
        case $kind in
        TracingPolicy | TracingPolicyNamespaced) ;;
        *)
            others=$((others + 1))
            continue
            ;;
        esac
        name=$(of_metadata name "$document")
        namespace=$(of_metadata namespace "$document")
        [ "$kind" != TracingPolicyNamespaced ] || namespace=${namespace:-default}
        verdict=loads reason=
        if "$apus" policy add "$document" "$@" >"$work/said" 2>&1; then
            loads=$((loads + 1))
            if ! "$apus" policy delete "$name" ${namespace:+--namespace "$namespace"} "$@" >"$work/said" 2>&1; then
                # Those after it would be judged with this one in the way.
                verdict=stays
                broken=$((broken + 1))
            fi
        else
            verdict=refused
            refused=$((refused + 1))
            # One that failed to load may be kept with its error.
            "$apus" policy delete "$name" ${namespace:+--namespace "$namespace"} "$@" >/dev/null 2>&1
        fi
        if [ "$verdict" != loads ]; then
            reason=$($bb tr '\n\t' '  ' <"$work/said" |
                $bb sed "s|$document was not added: ||; s|^apus: ||" | $bb cut -c 1-400)
        fi
        printf '%s\t%s\t%s\t%s\n' "${file#"$directory"/}" "${document##*/}:$name" "$verdict" "$reason"
        # An agent that is gone judges nothing.
        if ! "$apus" policy list "$@" >/dev/null 2>&1; then
            echo "judge-policies: the agent does not answer after this" >&2
            exit 1
        fi
    done
done
echo "$loads load, $refused are refused, $broken stay; $others documents are no policies"
[ "$broken" = 0 ]
