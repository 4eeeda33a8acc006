// SPDX-License-Identifier: Apache-2.0
// libyajl: a JSON parser that calls back for every value and keeps none, so that a 16 MiB document
// needs no 16 MiB. (No `link` line: Debian's static archive is libyajl_s.a, the shared one
// libyajl.so; the hook's target names the first.)
#include <yajl/yajl_parse.h>
