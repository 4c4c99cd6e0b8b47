// SPDX-License-Identifier: MIT
#include "addon.h"

static Napi::Object init(Napi::Env env, Napi::Object exports)
{
	auto *environment = new Environment;
	environment->mappings = makeMappings();
	env.SetInstanceData(environment);
	exportFile(env, exports);
	exportMemory(env, exports);
	exportPoller(env, exports);
	exportWait(env, exports);
	return exports;
}

NODE_API_MODULE(pciem, init)
