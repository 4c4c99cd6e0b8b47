// SPDX-License-Identifier: MIT
//
// Memory that is shared with the kernel: mappings as ArrayBuffers, addresses, atomic accesses.
#include <sys/mman.h>
#include <unordered_map>

#include "addon.h"

// A mapping lives until munmap() or until its ArrayBuffer is collected, whichever comes first.
struct Mapping {
	std::shared_ptr<Mappings> registry;
	void *address;
	size_t length;
	bool mapped = true;
};

struct Mappings {
	std::unordered_map<void *, Mapping *> live;
};

std::shared_ptr<Mappings> makeMappings()
{
	return std::make_shared<Mappings>();
}

static int unmap(Mapping *mapping)
{
	if (!mapping->mapped)
		return 0;
	mapping->mapped = false;
	mapping->registry->live.erase(mapping->address);
	return munmap(mapping->address, mapping->length);
}

Bytes bytesOf(const Napi::Value &value)
{
	Bytes bytes;
	void *data = nullptr;
	napi_env env = value.Env();

	if (value.IsTypedArray()) {
		Napi::TypedArray array = value.As<Napi::TypedArray>();
		bytes.length = array.ByteLength();
		napi_get_typedarray_info(env, value, nullptr, nullptr, &data, nullptr, nullptr);
	} else if (value.IsDataView()) {
		napi_get_dataview_info(env, value, &bytes.length, &data, nullptr, nullptr);
	} else if (value.IsArrayBuffer()) {
		napi_get_arraybuffer_info(env, value, &data, &bytes.length);
	}
	bytes.data = static_cast<uint8_t *>(data);
	return bytes;
}

// mmap(fd, length, offset, writable): ArrayBuffer
static Napi::Value mapMemory(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	int fd = info[0].As<Napi::Number>().Int32Value();
	size_t length = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
	off_t offset = info[2].As<Napi::Number>().Int64Value();
	int protection = PROT_READ | (info[3].As<Napi::Boolean>().Value() ? PROT_WRITE : 0);
	void *address = mmap(nullptr, length, protection, MAP_SHARED, fd, offset);

	if (address == MAP_FAILED)
		return Napi::Number::New(env, -errno);

	auto *mapping = new Mapping{env.GetInstanceData<Environment>()->mappings, address, length};
	mapping->registry->live[address] = mapping;
	return Napi::ArrayBuffer::New(
		env, address, length,
		[](Napi::Env, void *, Mapping *mapping) {
			unmap(mapping);
			delete mapping;
		},
		mapping);
}

// munmap(buffer): whoever still holds views of it finds them empty
static Napi::Value unmapMemory(const Napi::CallbackInfo &info)
{
	Napi::ArrayBuffer buffer = info[0].As<Napi::ArrayBuffer>();
	auto &live = info.Env().GetInstanceData<Environment>()->mappings->live;
	auto found = live.find(buffer.Data());

	if (found == live.end())
		return Napi::Number::New(info.Env(), -EINVAL);
	Mapping *mapping = found->second;
	buffer.Detach();
	return Napi::Number::New(info.Env(), static_cast<double>(resultOf(unmap(mapping))));
}

// addressOf(buffer): bigint
static Napi::Value addressOf(const Napi::CallbackInfo &info)
{
	return Napi::BigInt::New(info.Env(), reinterpret_cast<uint64_t>(bytesOf(info[0]).data));
}

template <typename Word> static Word *wordAt(const Napi::CallbackInfo &info)
{
	return reinterpret_cast<Word *>(bytesOf(info[0]).data + info[1].As<Napi::Number>().Int64Value());
}

// loadAcquire32(buffer, byteOffset): number
static Napi::Value loadAcquire32(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), __atomic_load_n(wordAt<uint32_t>(info), __ATOMIC_ACQUIRE));
}

// loadAcquire64(buffer, byteOffset): bigint
static Napi::Value loadAcquire64(const Napi::CallbackInfo &info)
{
	return Napi::BigInt::New(info.Env(), __atomic_load_n(wordAt<uint64_t>(info), __ATOMIC_ACQUIRE));
}

// storeRelease32(buffer, byteOffset, number)
static void storeRelease32(const Napi::CallbackInfo &info)
{
	__atomic_store_n(wordAt<uint32_t>(info), info[2].As<Napi::Number>().Uint32Value(), __ATOMIC_RELEASE);
}

// storeRelease64(buffer, byteOffset, bigint)
static void storeRelease64(const Napi::CallbackInfo &info)
{
	bool lossless;
	uint64_t value = info[2].As<Napi::BigInt>().Uint64Value(&lossless);
	__atomic_store_n(wordAt<uint64_t>(info), value, __ATOMIC_RELEASE);
}

void exportMemory(Napi::Env env, Napi::Object exports)
{
	exports.Set("mmap", Napi::Function::New<mapMemory>(env));
	exports.Set("munmap", Napi::Function::New<unmapMemory>(env));
	exports.Set("addressOf", Napi::Function::New<addressOf>(env));
	exports.Set("loadAcquire32", Napi::Function::New<loadAcquire32>(env));
	exports.Set("loadAcquire64", Napi::Function::New<loadAcquire64>(env));
	exports.Set("storeRelease32", Napi::Function::New<storeRelease32>(env));
	exports.Set("storeRelease64", Napi::Function::New<storeRelease64>(env));
}
