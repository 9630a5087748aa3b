#pragma once
#include <arpa/nameser.h>
#include <ares.h>
#include <netdb.h>
