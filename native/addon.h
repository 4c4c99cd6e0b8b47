// SPDX-License-Identifier: MIT
//
// What the addon's files share. There is no policy here: each function is one system call, or one
// atomic access. Arguments have been checked by src/binding.ts, which is the only caller. A call
// that fails returns -errno, as the kernel does; binding.ts makes the JavaScript error of it.
#ifndef PCIEM_ADDON_H
#define PCIEM_ADDON_H

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <napi.h>

struct Mappings;  // memory.cc
class Poller;     // poller.cc

// One a JavaScript environment: the main thread and each worker have their own.
struct Environment {
	std::shared_ptr<Mappings> mappings;
	std::shared_ptr<Poller> poller;  // made at the first poll()
};

struct Bytes {
	uint8_t *data = nullptr;
	size_t length = 0;
};

// The bytes of an ArrayBuffer, typed array or DataView; none for anything else.
Bytes bytesOf(const Napi::Value &value);

// The result of a system call that returns -1 on failure.
inline int64_t resultOf(int64_t result)
{
	return result < 0 ? -errno : result;
}

std::shared_ptr<Mappings> makeMappings();

void exportFile(Napi::Env env, Napi::Object exports);
void exportMemory(Napi::Env env, Napi::Object exports);
void exportPoller(Napi::Env env, Napi::Object exports);
void exportWait(Napi::Env env, Napi::Object exports);

#endif
