#pragma once
// Only what we use: <spandsp.h> would bring fax, and libtiff with it.
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <spandsp/telephony.h>
#include <spandsp/logging.h>
#include <spandsp/queue.h>
#include <spandsp/complex.h>
#include <spandsp/tone_generate.h>
#include <spandsp/super_tone_rx.h>
#include <spandsp/tone_detect.h>
#include <spandsp/dtmf.h>
#include <spandsp/g722.h>
#include <spandsp/private/g722.h>
