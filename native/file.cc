// SPDX-License-Identifier: MIT
//
// System calls on file descriptors.
#include <fcntl.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "addon.h"

static int fdAt(const Napi::CallbackInfo &info, size_t index)
{
	return info[index].As<Napi::Number>().Int32Value();
}

static Napi::Value number(const Napi::CallbackInfo &info, int64_t value)
{
	return Napi::Number::New(info.Env(), static_cast<double>(value));
}

// open(path, flags)
static Napi::Value openFile(const Napi::CallbackInfo &info)
{
	std::string path = info[0].As<Napi::String>().Utf8Value();
	int flags = info[1].As<Napi::Number>().Int32Value();
	return number(info, resultOf(open(path.c_str(), flags | O_CLOEXEC)));
}

// close(fd)
static Napi::Value closeFile(const Napi::CallbackInfo &info)
{
	// Linux has freed the number even when it says EINTR: never a second time.
	return number(info, resultOf(close(fdAt(info, 0))));
}

// ioctl(fd, number, buffer | undefined, pointee | undefined): what the buffer points to is an
// argument only so that it lives until the call is over
static Napi::Value ioctlFile(const Napi::CallbackInfo &info)
{
	unsigned long call = info[1].As<Napi::Number>().Uint32Value();
	return number(info, resultOf(ioctl(fdAt(info, 0), call, bytesOf(info[2]).data)));
}

// write(fd, buffer)
static Napi::Value writeFile(const Napi::CallbackInfo &info)
{
	Bytes bytes = bytesOf(info[1]);
	return number(info, resultOf(write(fdAt(info, 0), bytes.data, bytes.length)));
}

// read(fd, buffer)
static Napi::Value readFile(const Napi::CallbackInfo &info)
{
	Bytes bytes = bytesOf(info[1]);
	return number(info, resultOf(read(fdAt(info, 0), bytes.data, bytes.length)));
}

// eventfd()
static Napi::Value makeEventfd(const Napi::CallbackInfo &info)
{
	return number(info, resultOf(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
}

// An ioctl on a thread of libuv's pool, for calls that wait.
class IoctlWorker : public Napi::AsyncWorker {
public:
	IoctlWorker(Napi::Env env, int fd, unsigned long call, const Napi::Value &buffer)
		: Napi::AsyncWorker(env), promise(Napi::Promise::Deferred::New(env)),
		  // A descriptor of our own: the caller may close its own, and the kernel hand the
		  // number out again, before a thread is free.
		  fd(fcntl(fd, F_DUPFD_CLOEXEC, 0)), call(call), data(bytesOf(buffer).data)
	{
		result = resultOf(this->fd);
		if (buffer.IsObject())
			keep = Napi::Persistent(buffer.As<Napi::Object>());
	}

	Napi::Value Promise() const { return promise.Promise(); }

protected:
	void Execute() override
	{
		if (fd < 0)
			return;
		result = resultOf(ioctl(fd, call, data));
		close(fd);
	}

	void OnOK() override
	{
		promise.Resolve(Napi::Number::New(Env(), static_cast<double>(result)));
	}

private:
	Napi::Promise::Deferred promise;
	Napi::ObjectReference keep;
	int fd;
	unsigned long call;
	uint8_t *data;
	int64_t result;
};

// ioctlAsync(fd, number, buffer | undefined): Promise
static Napi::Value ioctlAsync(const Napi::CallbackInfo &info)
{
	unsigned long call = info[1].As<Napi::Number>().Uint32Value();
	auto *worker = new IoctlWorker(info.Env(), fdAt(info, 0), call, info[2]);
	Napi::Value promise = worker->Promise();
	worker->Queue();  // it deletes itself
	return promise;
}

void exportFile(Napi::Env env, Napi::Object exports)
{
	exports.Set("open", Napi::Function::New<openFile>(env));
	exports.Set("close", Napi::Function::New<closeFile>(env));
	exports.Set("ioctl", Napi::Function::New<ioctlFile>(env));
	exports.Set("ioctlAsync", Napi::Function::New<ioctlAsync>(env));
	exports.Set("write", Napi::Function::New<writeFile>(env));
	exports.Set("read", Napi::Function::New<readFile>(env));
	exports.Set("eventfd", Napi::Function::New<makeEventfd>(env));
}
