// SPDX-License-Identifier: MIT
//
// Readiness of file descriptors for the event loop. libuv's own poll handle needs libuv's headers,
// which do not come with Node-API; so one thread an environment sits in epoll_wait() and calls
// JavaScript through thread-safe functions. Each descriptor is armed for one report; JavaScript
// arms it again when it has done its work, so a descriptor that stays ready floods nobody.
//
// Locking: `lock` protects `watches`. The thread calls a thread-safe function only under it and
// only while its watch stands in the table; whoever ends one (close(), or Node itself when the
// environment goes down) takes it out of the table first.
#include <mutex>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>

#include "addon.h"

struct Watch {
	std::shared_ptr<Poller> poller;
	uint64_t id;
	int fd;
	napi_threadsafe_function report;
};

class Poller {
public:
	Poller() : epoll(epoll_create1(EPOLL_CLOEXEC)), stop(eventfd(0, EFD_CLOEXEC))
	{
		epoll_event event{EPOLLIN, {}};
		event.data.u64 = 0;
		epoll_ctl(epoll, EPOLL_CTL_ADD, stop, &event);
		thread = std::thread([this] { run(); });
	}

	~Poller()
	{
		join();
		close(epoll);
		close(stop);
	}

	void join()
	{
		if (!thread.joinable())
			return;
		uint64_t one = 1;
		ssize_t written = write(stop, &one, sizeof(one));
		(void)written;  // an eventfd takes its first 8 bytes always
		thread.join();
	}

	int add(Watch *watch)
	{
		std::lock_guard<std::mutex> guard(lock);
		watch->id = ++lastId;
		watches[watch->id] = watch;
		int result = control(EPOLL_CTL_ADD, watch);
		if (result < 0)
			watches.erase(watch->id);
		return result;
	}

	int arm(uint64_t id)
	{
		std::lock_guard<std::mutex> guard(lock);
		auto found = watches.find(id);
		return found == watches.end() ? -ENOENT : control(EPOLL_CTL_MOD, found->second);
	}

	// The watch, which nobody reports to any more; null if it is gone.
	Watch *remove(uint64_t id)
	{
		std::lock_guard<std::mutex> guard(lock);
		auto found = watches.find(id);
		if (found == watches.end())
			return nullptr;
		Watch *watch = found->second;
		// Its descriptor may be closed already, and then epoll has forgotten it too.
		epoll_ctl(epoll, EPOLL_CTL_DEL, watch->fd, nullptr);
		watches.erase(found);
		return watch;
	}

	Watch *find(uint64_t id)
	{
		std::lock_guard<std::mutex> guard(lock);
		auto found = watches.find(id);
		return found == watches.end() ? nullptr : found->second;
	}

private:
	int control(int operation, const Watch *watch)
	{
		epoll_event event{EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, {}};
		event.data.u64 = watch->id;
		return resultOf(epoll_ctl(epoll, operation, watch->fd, &event));
	}

	void run()
	{
		epoll_event events[16];
		for (;;) {
			int count = epoll_wait(epoll, events, 16, -1);
			if (count < 0 && errno != EINTR)
				return;
			for (int i = 0; i < count; i++) {
				if (events[i].data.u64 == 0)
					return;
				report(events[i].data.u64, events[i].events);
			}
		}
	}

	void report(uint64_t id, uint32_t events)
	{
		std::lock_guard<std::mutex> guard(lock);
		auto found = watches.find(id);
		if (found == watches.end())
			return;
		void *data = reinterpret_cast<void *>(static_cast<uintptr_t>(events));
		napi_call_threadsafe_function(found->second->report, data, napi_tsfn_nonblocking);
	}

	int epoll, stop;
	std::thread thread;
	std::mutex lock;
	std::unordered_map<uint64_t, Watch *> watches;
	uint64_t lastId = 0;
};

static std::shared_ptr<Poller> pollerOf(Napi::Env env)
{
	auto *environment = env.GetInstanceData<Environment>();
	if (!environment->poller) {
		auto poller = std::make_shared<Poller>();
		environment->poller = poller;
		// Nobody may call into an environment that is going down.
		env.AddCleanupHook([poller] { poller->join(); });
	}
	return environment->poller;
}

// On the JavaScript thread.
static void callBack(napi_env env, napi_value callback, void *, void *data)
{
	if (env == nullptr || callback == nullptr)
		return;
	napi_value undefined, events;
	napi_get_undefined(env, &undefined);
	napi_create_uint32(env, static_cast<uint32_t>(reinterpret_cast<uintptr_t>(data)), &events);
	napi_call_function(env, undefined, callback, 1, &events, nullptr);
}

static void finalize(napi_env, void *data, void *)
{
	Watch *watch = static_cast<Watch *>(data);
	watch->poller->remove(watch->id);
	delete watch;
}

// poll(fd, callback(events)): id
static Napi::Value startPoll(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	auto *watch = new Watch{pollerOf(env), 0, info[0].As<Napi::Number>().Int32Value(), nullptr};
	napi_status status = napi_create_threadsafe_function(
		env, info[1], nullptr, Napi::String::New(env, "pciem.poll"), 0, 1, watch, finalize, nullptr,
		callBack, &watch->report);
	if (status != napi_ok) {
		delete watch;
		return Napi::Number::New(env, -ENOMEM);
	}
	int result = watch->poller->add(watch);
	if (result < 0) {
		napi_release_threadsafe_function(watch->report, napi_tsfn_release);  // finalize() deletes it
		return Napi::Number::New(env, result);
	}
	return Napi::Number::New(env, static_cast<double>(watch->id));
}

static uint64_t idAt(const Napi::CallbackInfo &info)
{
	return static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
}

// pollArm(id)
static Napi::Value armPoll(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), pollerOf(info.Env())->arm(idAt(info)));
}

// pollClose(id)
static void closePoll(const Napi::CallbackInfo &info)
{
	Watch *watch = pollerOf(info.Env())->remove(idAt(info));
	if (watch)
		napi_release_threadsafe_function(watch->report, napi_tsfn_release);
}

// pollRef(id, keepsTheLoopAlive)
static void refPoll(const Napi::CallbackInfo &info)
{
	Watch *watch = pollerOf(info.Env())->find(idAt(info));
	if (!watch)
		return;
	if (info[1].As<Napi::Boolean>().Value())
		napi_ref_threadsafe_function(info.Env(), watch->report);
	else
		napi_unref_threadsafe_function(info.Env(), watch->report);
}

void exportPoller(Napi::Env env, Napi::Object exports)
{
	exports.Set("poll", Napi::Function::New<startPoll>(env));
	exports.Set("pollArm", Napi::Function::New<armPoll>(env));
	exports.Set("pollClose", Napi::Function::New<closePoll>(env));
	exports.Set("pollRef", Napi::Function::New<refPoll>(env));
}
