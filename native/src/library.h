// The shared libraries of one node-llama-cpp variant, opened at run time as a table of functions.
// Nothing of llama.cpp is compiled or linked: the same .node serves every variant (cpu, cuda, vulkan, metal).
#pragma once

#include <string>
#include <vector>

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "llama.h"

#define RE_CONTROL_FUNCTIONS(X)           \
  X(ggml_backend_load_all_from_path)      \
  X(ggml_backend_reg_count)               \
  X(ggml_backend_dev_count)               \
  X(ggml_backend_dev_get)                 \
  X(ggml_backend_dev_name)                \
  X(ggml_backend_dev_description)         \
  X(ggml_backend_dev_type)                \
  X(ggml_backend_dev_by_type)             \
  X(ggml_backend_dev_backend_reg)         \
  X(ggml_backend_dev_init)                \
  X(ggml_backend_reg_get_proc_address)    \
  X(ggml_backend_free)                    \
  X(ggml_backend_graph_compute)           \
  X(ggml_backend_dev_memory)              \
  X(ggml_backend_tensor_get)              \
  X(ggml_backend_tensor_set)              \
  X(ggml_init)                            \
  X(ggml_free)                            \
  X(ggml_new_graph_custom)                \
  X(ggml_build_forward_expand)            \
  X(ggml_custom_4d)                       \
  X(ggml_threadpool_params_default)       \
  X(ggml_abs)                             \
  X(ggml_add)                             \
  X(ggml_backend_alloc_ctx_tensors)       \
  X(ggml_backend_buffer_free)             \
  X(ggml_backend_buffer_get_type)         \
  X(ggml_backend_buffer_is_host)          \
  X(ggml_backend_buft_get_device)         \
  X(ggml_backend_get_default_buffer_type) \
  X(ggml_backend_supports_op)             \
  X(ggml_backend_tensor_copy)             \
  X(ggml_backend_view_init)               \
  X(ggml_cast)                            \
  X(ggml_clamp)                           \
  X(ggml_concat)                          \
  X(ggml_cont)                            \
  X(ggml_cpy)                             \
  X(ggml_div)                             \
  X(ggml_gallocr_alloc_graph)             \
  X(ggml_gallocr_free)                    \
  X(ggml_gallocr_new)                     \
  X(ggml_get_rows)                        \
  X(ggml_graph_n_nodes)                   \
  X(ggml_graph_node)                      \
  X(ggml_graph_overhead_custom)           \
  X(ggml_is_contiguous)                   \
  X(ggml_mul)                             \
  X(ggml_mul_mat)                         \
  X(ggml_mul_mat_set_prec)                \
  X(ggml_nbytes)                          \
  X(ggml_new_tensor_2d)                   \
  X(ggml_op_desc)                         \
  X(ggml_opt_step_adamw)                  \
  X(ggml_relu)                            \
  X(ggml_reshape_1d)                      \
  X(ggml_reshape_2d)                      \
  X(ggml_reshape_3d)                      \
  X(ggml_scale)                           \
  X(ggml_set_input)                       \
  X(ggml_set_output)                      \
  X(ggml_set_param)                       \
  X(ggml_sqr)                             \
  X(ggml_sqrt)                            \
  X(ggml_step)                            \
  X(ggml_sub)                             \
  X(ggml_sum)                             \
  X(ggml_sum_rows)                        \
  X(ggml_tensor_overhead)                 \
  X(ggml_transpose)                       \
  X(ggml_type_name)                       \
  X(ggml_view_2d)                         \
  X(llama_backend_init)                   \
  X(llama_log_set)                        \
  X(llama_print_system_info)              \
  X(llama_model_default_params)           \
  X(llama_model_load_from_file)           \
  X(llama_model_free)                     \
  X(llama_model_get_vocab)                \
  X(llama_model_n_embd)                   \
  X(llama_model_n_embd_out)               \
  X(llama_model_n_layer)                  \
  X(llama_model_n_ctx_train)              \
  X(llama_model_desc)                     \
  X(llama_model_size)                     \
  X(llama_model_n_params)                 \
  X(llama_model_chat_template)            \
  X(llama_model_has_encoder)              \
  X(llama_model_has_decoder)              \
  X(llama_model_is_recurrent)             \
  X(llama_model_is_hybrid)                \
  X(llama_model_n_swa)                    \
  X(llama_model_n_cls_out)                \
  X(llama_model_quantize_default_params)  \
  X(llama_model_quantize)                 \
  X(llama_vocab_n_tokens)                 \
  X(llama_vocab_type)                     \
  X(llama_vocab_is_eog)                   \
  X(llama_vocab_bos)                      \
  X(llama_vocab_eos)                      \
  X(llama_vocab_get_add_bos)              \
  X(llama_tokenize)                       \
  X(llama_token_to_piece)                 \
  X(llama_context_default_params)         \
  X(llama_init_from_model)                \
  X(llama_free)                           \
  X(llama_set_n_threads)                  \
  X(llama_attach_threadpool)              \
  X(llama_get_memory)                     \
  X(llama_memory_seq_rm)                  \
  X(llama_memory_seq_cp)                  \
  X(llama_memory_seq_pos_max)             \
  X(llama_memory_clear)                   \
  X(llama_adapter_lora_init)              \
  X(llama_adapter_lora_free)              \
  X(llama_set_adapters_lora)              \
  X(llama_set_adapter_cvec)               \
  X(llama_decode)                         \
  X(llama_get_logits_ith)                 \
  X(llama_get_embeddings_seq)             \
  X(llama_pooling_type)                   \
  X(llama_sampler_chain_default_params)   \
  X(llama_sampler_chain_init)             \
  X(llama_sampler_chain_add)              \
  X(llama_sampler_free)                   \
  X(llama_sampler_init_greedy)            \
  X(llama_sampler_init_dist)              \
  X(llama_sampler_init_top_k)             \
  X(llama_sampler_init_top_p)             \
  X(llama_sampler_init_min_p)             \
  X(llama_sampler_init_temp)              \
  X(llama_sampler_apply)                  \
  X(llama_sampler_accept)                 \
  X(llama_sampler_sample)

struct Library {
#define RE_CONTROL_DECLARE(name) decltype(&::name) name = nullptr;
  RE_CONTROL_FUNCTIONS(RE_CONTROL_DECLARE)
#undef RE_CONTROL_DECLARE
};

// Opens libggml-base, libggml and libllama of `directory` (once a process: variants must not be mixed) and
// loads ggml's backends from there; where these show no GPU, those of `fallbackDirectory` too, unless it is empty.
// Throws std::runtime_error naming the library or function that is missing.
void openLibrary(const std::string& directory, const std::string& fallbackDirectory);

// Whether ggml takes the device for a graphics processor, in a card or in the processor's own chip.
bool isGpu(ggml_backend_dev_t device);

// Why a shared library (a file, or a name for the system's own search) cannot be opened here; empty when it can.
// Initialisers of the library run; it is closed again.
std::string libraryProblem(const std::string& library);

// The open table; throws std::runtime_error if openLibrary has not succeeded.
const Library& library();

// llama.cpp's warnings and errors since the last call, joined by "; ": the reason behind a null result.
std::string takeLog();
