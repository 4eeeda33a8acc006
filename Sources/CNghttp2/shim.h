// SPDX-License-Identifier: Apache-2.0
// libnghttp2: HTTP/2 framing and HPACK without sockets, which is all that a unary gRPC call needs
// below it.
#include <nghttp2/nghttp2.h>
