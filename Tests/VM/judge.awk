# SPDX-License-Identifier: Apache-2.0
# Reads what run-suites.sh and boot.sh write, prints one line a test, and says whether a cell is as expected: nothing
# failed or was skipped but what the cell's list of gaps names, and all of that did.
#
# A feature of the kernel counts like a test: "features | NAME | reason" is the gap that is expected where it is missing.
#
# variables: cell; gaps (names of files, not all of which need be there: "suite | test | reason" a line); complete (1 if no test was left out by name); strict (1
# if what is missing must be what the list names: so in guests, and under CI); summary (a file to write: a line a suite, then the verdict)

function say(mark, what) {
    printf "%-16s %-9s %-5s %s\n", cell, suite, mark, what
    fflush()
}

function complain(what) {
    say("FAIL", what)
    bad++
}

# A test's line, from its symbol on: "✔ Test name(_:) with 2 test cases passed after 0.1 seconds."
function judge(outcome, line,    name, time, why, key) {
    name = line
    sub(/^[^ ]+ Test /, "", name)
    time = name
    sub(/ (passed|failed) after .*/, "", name)
    sub(/ skipped.*/, "", name)
    sub(/ with [0-9]+ test cases?$/, "", name)
    gsub(/^"|"$/, "", name)
    if (time ~ / after [0-9.]+ seconds/) {
        sub(/.* after /, "", time)
        sub(/ seconds.*/, "", time)
        time = sprintf(" (%.1f s)", time)
    } else {
        time = ""
    }

    # A test chosen by its name is of a suite that the list of gaps knows, and this does not.
    key = suite == "chosen" && name in suiteOf ? suiteOf[name] SUBSEP name : suite SUBSEP name
    seen[key] = 1
    if (outcome == "ok") {
        if (key in reason && strict) complain(name ": passes, but is listed as a gap: " reason[key])
        else { say("ok", name time); passed[suite]++ }
        return
    }
    why = line
    # A gated test says which feature it missed.
    sub(/.* skipped:? ?/, "", why)
    if (key in reason || (outcome == "skipped" && !strict)) {
        say("gap", name ": " (key in reason ? reason[key] : why))
        gap[suite]++
    } else {
        complain(name (outcome == "skipped" ? ": skipped, and not listed as a gap: " why : time))
        printf "%s", said[name]
        failed[suite]++
    }
}

# "@@ feature NAME present|missing REASON", among the lines of whatever suite looks for them.
function judge_feature(line,    word, why, key, current) {
    split(line, word, " ")
    why = line
    sub(/^@@ feature [^ ]+ [^ ]+ ?/, "", why)
    current = suite
    suite = "features"
    key = suite SUBSEP word[3]
    seen[key] = 1
    if (!(suite in whole)) { order[++suites] = suite; whole[suite] = "all" }
    if (word[4] == "present" && key in reason && strict) complain(word[3] ": there, but is listed as a gap")
    else if (word[4] == "present") passed[suite]++
    else if (key in reason || !strict) { say("gap", word[3] ": " why); gap[suite]++ }
    else { complain(word[3] ": missing, and not listed as a gap: " why); failed[suite]++ }
    suite = current
}

BEGIN {
    FS = "\n"
    suite = "-"
    files = split(gaps, file, " ")
    for (i = 1; i <= files; i++) {
        while ((getline line < file[i]) > 0) {
            if (line ~ /^#/ || split(line, field, / *\| */) < 3) continue
            reason[field[1], field[2]] = field[3]
            suiteOf[field[2]] = field[1]
        }
    }
}

{ sub(/\r$/, "") }
/^(✔|✘|◇|➜|@@) / { last = "" }

/^@@ begin / { split($0, word, " "); suite = word[3]; order[++suites] = suite; issues = ""; next }
/^@@ status / {
    split($0, word, " ")
    seconds[suite] = word[5]
    if (!ran) complain("the test runner did not finish: status " word[4] "; the log has its last words")
    else if (ran == "none") complain("no test has such a name")
    # Known failures make the runner fail as well.
    else if (word[4] > 1 || (word[4] && !anyFailed)) complain("the test runner ended with status " word[4])
    whole[suite] = ran
    ran = ""
    anyFailed = 0
    next
}
/^@@ feature / { judge_feature($0); next }
/^@@ figure / { sub(/^@@ figure /, ""); say("fig.", $0); next }
/^@@ hang / { split($0, word, " "); complain("no end within " word[3] " s; the console's last lines:"); next }
/^@@ died / { complain("the guest ended before its tests; the console's last lines:"); next }
/^@@ kernel/ { complain("the kernel complained (above, in the log)"); next }
/^@@ console / { sub(/^@@ console /, ""); printf "%-16s | %s\n", cell, $0; fflush(); next }
/^@@ end/ { ended = 1; next }

/^[^ ]+ Test run with / { ran = / with 0 tests / ? "none" : "all"; next }
/^[^ ]+ Test case / { next }
/^✔ Test .* passed after / { judge("ok", $0); next }
/^✘ Test .* failed after / { anyFailed = 1; judge("failed", $0); next }
/^➜ Test .* skipped/ { judge("skipped", $0); next }
# Why something failed, or what it printed, is shown under the line of the test that it belongs to.
/^✘ Test .* recorded an issue/ {
    name = $0
    sub(/^✘ Test /, "", name)
    sub(/ recorded an issue.*/, "", name)
    gsub(/^"|"$/, "", name)
    said[name] = said[name] sprintf("%-16s | %s\n", cell, $0)
    last = name
    next
}
# An issue may go on for lines: a verifier's log.
last { said[last] = said[last] sprintf("%-16s | %s\n", cell, $0) }

END {
    if (!ended) complain("no results")
    for (key in reason) {
        split(key, part, SUBSEP)
        if (complete && whole[part[1]] && !(key in seen)) {
            suite = part[1]
            complain(part[2] ": listed as a gap, but there is no such test")
        }
    }
    for (i = 1; i <= suites; i++) {
        s = order[i]
        printf "%s %s %d %d %d %d\n", cell, s, passed[s], failed[s], gap[s], seconds[s] > summary
    }
    printf "%s %s\n", cell, bad ? "failed" : "passed" > summary
    exit bad > 0
}
