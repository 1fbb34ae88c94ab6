{
  "targets": [
    {
      "target_name": "re_control",
      "sources": [
        "src/adam.cc",
        "src/adapter.cc",
        "src/addon.cc",
        "src/arguments.cc",
        "src/ascender.cc",
        "src/ascender_one_hidden.cc",
        "src/ascender_two_hidden.cc",
        "src/batch_reader.cc",
        "src/checkpoint.cc",
        "src/comparisons.cc",
        "src/context.cc",
        "src/context_logits.cc",
        "src/cpu_network.cc",
        "src/decode.cc",
        "src/decode_worker.cc",
        "src/finite_rows.cc",
        "src/float16.cc",
        "src/gemm.cc",
        "src/ggml_team.cc",
        "src/graph_ascent.cc",
        "src/graph_binding.cc",
        "src/graph_device.cc",
        "src/graph_network.cc",
        "src/graph_network_binding.cc",
        "src/hidden_units.cc",
        "src/library.cc",
        "src/likelihood.cc",
        "src/model.cc",
        "src/narrow_matrix.cc",
        "src/pooled_context.cc",
        "src/quantize.cc",
        "src/rank_hook.cc",
        "src/sampler.cc",
        "src/selection.cc",
        "src/standardisation.cc",
        "src/state_file.cc",
        "src/state_hook.cc",
        "src/top_k.cc",
        "src/trainer.cc",
        "src/trainer_arguments.cc",
        "src/trainer_binding.cc",
        "src/training_data.cc",
        "src/value_function.cc",
        "src/value_function_binding.cc"
      ],
      "include_dirs": [
        "<!@(node -p \"require('node-addon-api').include\")",
        "llama.cpp/include",
        "llama.cpp/ggml/include"
      ],
      "defines": ["NAPI_VERSION=9", "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL",
        "LLAMA_CPP_RELEASE=\"<!(node -p \"require('../node_modules/node-llama-cpp/llama/llama.cpp.info.json').tag\")\""],
      "cflags!": ["-fno-exceptions", "-O2"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-O2"],
      "cflags": ["-O3"],
      "cflags_cc": ["-std=c++20", "-O3", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-unused-parameter"],
      "xcode_settings": {
        "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
        "GCC_OPTIMIZATION_LEVEL": "3",
        "CLANG_CXX_LANGUAGE_STANDARD": "c++20",
        "MACOSX_DEPLOYMENT_TARGET": "12.0"
      },
      "msvs_settings": {
        "VCCLCompilerTool": { "ExceptionHandling": 1, "Optimization": 3, "AdditionalOptions": ["/std:c++20"] }
      },
      "conditions": [["OS=='linux'", { "libraries": ["-ldl", "-lpthread"] }]]
    }
  ]
}
