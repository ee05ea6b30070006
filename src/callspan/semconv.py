"""The names that are written: the GenAI conventions' first, our own only where none exists.

The conventions have no Python package of their own: those in `opentelemetry-semantic-conventions` are frozen
at 1.41 and marked as moved. So the names stand here.
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.0"

# Every operation
OPERATION: Final = "gen_ai.operation.name"
ERROR_TYPE: Final = "error.type"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
AGENT_NAME: Final = "gen_ai.agent.name"
TOOL_NAME: Final = "gen_ai.tool.name"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
DATA_SOURCE_ID: Final = "gen_ai.data_source.id"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
SESSION_ID: Final = "session.id"
USER_ID: Final = "user.id"
REQUEST_STREAM: Final = "gen_ai.request.stream"
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"

# What was asked for
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_P: Final = "gen_ai.request.top_p"
TOP_K: Final = "gen_ai.request.top_k"
FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
SEED: Final = "gen_ai.request.seed"
CHOICE_COUNT: Final = "gen_ai.request.choice.count"
STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"
ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
EMBEDDING_DIMENSIONS: Final = "gen_ai.embeddings.dimension.count"
OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
GUARDRAIL_ID: Final = "aws.bedrock.guardrail.id"

# What was answered
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
COST: Final = "gen_ai.usage.cost"

# The exception event
EXCEPTION: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# What was said
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
DOCUMENTS: Final = "gen_ai.retrieval.documents"
RUN_INPUTS: Final = "langchain.run.inputs"
RUN_OUTPUTS: Final = "langchain.run.outputs"
INTERRUPT_VALUE: Final = "langgraph.interrupt.value"
RESUME_VALUE: Final = "langgraph.resume.value"
EVENT_DATA: Final = "langchain.event.data"

# Values of gen_ai.operation.name
CHAT: Final = "chat"
TEXT_COMPLETION: Final = "text_completion"
EMBEDDINGS: Final = "embeddings"
RETRIEVAL: Final = "retrieval"
EXECUTE_TOOL: Final = "execute_tool"
INVOKE_AGENT: Final = "invoke_agent"
INVOKE_WORKFLOW: Final = "invoke_workflow"

# Our own
RUN_ID: Final = "langchain.run.id"
RUN_TYPE: Final = "langchain.run.type"
RUN_NAME: Final = "langchain.run.name"
RUN_TAGS: Final = "langchain.run.tags"
RUN_OUTCOME: Final = "langchain.run.outcome"
RUN_ATTEMPT: Final = "langchain.run.attempt"
METADATA: Final = "langchain.metadata.{key}"
TOTAL_INPUT_TOKENS: Final = "langchain.total.input_tokens"
TOTAL_OUTPUT_TOKENS: Final = "langchain.total.output_tokens"
TOTAL_MODEL_CALLS: Final = "langchain.total.model_calls"
TOTAL_TOOL_CALLS: Final = "langchain.total.tool_calls"
TOTAL_COST: Final = "langchain.total.cost"
ASKED_BY: Final = "langchain.asked_by"
RESUMES: Final = "langchain.resumes"
RETRY_OF: Final = "langchain.retry_of"
INSTEAD_OF: Final = "langchain.instead_of"
CACHE_HIT: Final = "langchain.cache.hit"
RERANK_MODEL: Final = "langchain.rerank.model"
RERANK_TOP_N: Final = "langchain.rerank.top_n"
RERANK_GIVEN: Final = "langchain.rerank.documents"
RERANK_KEPT: Final = "langchain.rerank.kept"
STRUCTURED_SCHEMA: Final = "langchain.structured_output.schema"
STRUCTURED_PARSED: Final = "langchain.structured_output.parsed"
GRAPH_STEP: Final = "langgraph.step"
GRAPH_NODE: Final = "langgraph.node"
GRAPH_TRIGGERS: Final = "langgraph.triggers"
GRAPH_TASK_ID: Final = "langgraph.task.id"
GRAPH_CHECKPOINT_NS: Final = "langgraph.checkpoint.ns"
GRAPH_CHECKPOINT_ID: Final = "langgraph.checkpoint.id"
GRAPH_GOTO: Final = "langgraph.goto"
GRAPH_RESUME_WAIT: Final = "langgraph.resume.wait_time"
INTERRUPT_ID: Final = "langgraph.interrupt.id"

# On events
EVENT_TYPE: Final = "langchain.event.type"
RETRY_ATTEMPT: Final = "langchain.retry.attempt"
RETRY_WAIT: Final = "langchain.retry.wait_time"

# On links
LINK_CAUSE: Final = "langchain.link.cause"
