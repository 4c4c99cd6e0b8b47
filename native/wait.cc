// SPDX-License-Identifier: MIT
//
// The blocking wait of worker threads: spin for a while, because waking a thread costs more than
// most waits last, then sleep.
#include <chrono>
#include <poll.h>
#include <vector>

#include "addon.h"

using Clock = std::chrono::steady_clock;

// What is ready now; a signal that comes meanwhile is no news of a descriptor.
static int look(std::vector<pollfd> &polled)
{
	int ready = poll(polled.data(), polled.size(), 0);
	return ready < 0 && errno == EINTR ? 0 : ready;
}

static int spin(std::vector<pollfd> &polled, Clock::time_point until)
{
	for (;;) {
		int ready = look(polled);
		if (ready != 0 || Clock::now() >= until)
			return ready;
	}
}

// A negative timeout waits for ever.
static int sleep(std::vector<pollfd> &polled, double timeoutMs, Clock::time_point until)
{
	for (;;) {
		timespec left{};
		if (timeoutMs >= 0) {
			auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now()).count();
			if (ns <= 0)
				return look(polled);
			left.tv_sec = ns / 1000000000;
			left.tv_nsec = ns % 1000000000;
		}
		int ready = ppoll(polled.data(), polled.size(), timeoutMs < 0 ? nullptr : &left, nullptr);
		if (ready >= 0 || errno != EINTR)
			return ready;
	}
}

// wait(fds, timeoutMs, spinUs): the descriptors that have something to say
static Napi::Value waitForFiles(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Napi::Int32Array fds = info[0].As<Napi::Int32Array>();
	double timeoutMs = info[1].As<Napi::Number>().DoubleValue();
	double spinUs = info[2].As<Napi::Number>().DoubleValue();
	auto start = Clock::now();
	auto after = [start](double us) {
		return start + std::chrono::nanoseconds(static_cast<int64_t>(us * 1e3));
	};
	if (timeoutMs >= 0 && spinUs > timeoutMs * 1e3)
		spinUs = timeoutMs * 1e3;

	std::vector<pollfd> polled;
	for (size_t i = 0; i < fds.ElementLength(); i++)
		polled.push_back({fds[i], POLLIN, 0});
	int ready = spin(polled, after(spinUs));
	if (ready == 0 && timeoutMs != 0)
		ready = sleep(polled, timeoutMs, after(timeoutMs * 1e3));
	if (ready < 0)
		return Napi::Number::New(env, -errno);

	Napi::Array result = Napi::Array::New(env);
	for (const pollfd &one : polled)
		if (one.revents)
			result.Set(result.Length(), one.fd);
	return result;
}

void exportWait(Napi::Env env, Napi::Object exports)
{
	exports.Set("wait", Napi::Function::New<waitForFiles>(env));
}
