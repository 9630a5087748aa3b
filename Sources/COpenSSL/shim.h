#pragma once
// OpenSSL's low-level HMAC and AES contexts are deprecated but measurably cheaper per packet than EVP_MAC.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
