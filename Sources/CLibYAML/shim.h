// SPDX-License-Identifier: Apache-2.0
// libyaml: a YAML parser that gives events with their places. (No `link` line: the static archive
// is linked, so that dist/ runs where Debian's libyaml is not.)
#include <yaml.h>
