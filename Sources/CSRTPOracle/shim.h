#pragma once
// Only the tests link libsrtp2: it is the oracle our own SRTP transform is compared with.
#include <srtp2/srtp.h>
