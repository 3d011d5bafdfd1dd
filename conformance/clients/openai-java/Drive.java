// The official com.openai:openai-java.

import com.fasterxml.jackson.annotation.JsonTypeName;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.models.chat.completions.*;
import com.openai.models.completions.CompletionCreateParams;
import com.openai.models.completions.CompletionUsage;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.responses.*;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;

public final class Drive {
    static final OpenAIClient CLIENT = open(Kit.KEY);

    @JsonTypeName("get_weather")
    public static class GetWeather {
        public String city;
    }

    public static class Person {
        public String name;
        public int age;

        Map<String, Object> told() {
            return Map.of("parsed", Map.of("name", name, "age", age));
        }
    }

    static OpenAIClient open(String key) {
        return OpenAIOkHttpClient.builder()
                .baseUrl(Kit.ROOT + "/v1")
                .apiKey(key)
                .maxRetries(0)
                .build();
    }

    // Chat completions.

    static ChatCompletionCreateParams.Builder asked() {
        return ChatCompletionCreateParams.builder().model(Kit.MODEL);
    }

    static String ask(ChatCompletionCreateParams params) {
        return CLIENT.chat().completions().create(params).choices().get(0).message().content().get();
    }

    static List<ChatCompletionChunk> chunks() {
        var options = ChatCompletionStreamOptions.builder().includeUsage(true).build();
        var params = asked().addUserMessage(Kit.STREAM).streamOptions(options).build();
        try (StreamResponse<ChatCompletionChunk> held =
                CLIENT.chat().completions().createStreaming(params)) {
            return held.stream().toList();
        }
    }

    static Map<String, Object> chatStream() {
        return Kit.streamed(
                chunks().stream()
                        .flatMap(chunk -> chunk.choices().stream())
                        .map(choice -> choice.delta().content().orElse(""))
                        .toList());
    }

    static Map<String, Object> chatTools() throws Exception {
        var params = asked().addUserMessage(Kit.TOOLS).addTool(GetWeather.class);
        var message =
                CLIENT.chat().completions().create(params.build()).choices().get(0).message();
        params.addMessage(message);
        List<Object> calls = new ArrayList<>();
        for (var call : message.toolCalls().get()) {
            var function = call.asFunction().function();
            calls.add(List.of(function.name(), Kit.parsed(function.arguments())));
            params.addMessage(
                    ChatCompletionToolMessageParam.builder()
                            .toolCallId(call.asFunction().id())
                            .content(Kit.weather(function.arguments(GetWeather.class).city))
                            .build());
        }
        return Map.of("text", ask(params.build()), "calls", calls);
    }

    static Map<String, Object> chatStructured() {
        var params = asked().addUserMessage(Kit.STRUCTURED).responseFormat(Person.class).build();
        return CLIENT.chat().completions().create(params).choices().get(0).message().content().get()
                .told();
    }

    static Map<String, Object> chatVision() throws Exception {
        var url =
                ChatCompletionContentPartImage.ImageUrl.builder()
                        .url("data:image/png;base64," + Kit.picture())
                        .build();
        var image = ChatCompletionContentPartImage.builder().imageUrl(url).build();
        var text = ChatCompletionContentPartText.builder().text(Kit.VISION).build();
        var parts =
                List.of(
                        ChatCompletionContentPart.ofText(text),
                        ChatCompletionContentPart.ofImageUrl(image));
        return Map.of("text", ask(asked().addUserMessageOfArrayOfContentParts(parts).build()));
    }

    static List<Long> used(CompletionUsage usage) {
        return List.of(usage.promptTokens(), usage.completionTokens());
    }

    static Map<String, Object> chatUsage() {
        var params = asked().addUserMessage(Kit.SAY).build();
        var whole = CLIENT.chat().completions().create(params).usage().get();
        var last = chunks().stream().flatMap(chunk -> chunk.usage().stream()).findFirst().get();
        return Map.of("whole", used(whole), "streamed", used(last));
    }

    static Map<String, Object> chatErrors() {
        var params = asked().addUserMessage(Kit.SAY);
        var stranger = open(Kit.WRONG_KEY);
        return Map.of(
                "key", Kit.fails(() -> stranger.chat().completions().create(params.build())),
                "model", Kit.fails(() -> ask(params.model(Kit.UNKNOWN_MODEL).build())));
    }

    static Map<String, Object> embed() {
        var params =
                EmbeddingCreateParams.builder()
                        .model(Kit.MODEL)
                        .inputOfArrayOfStrings(List.of("one", "two"))
                        .build();
        var data = CLIENT.embeddings().create(params).data();
        return Map.of("vectors", data.stream().map(one -> one.embedding()).toList());
    }

    static Map<String, Object> complete() {
        var params =
                CompletionCreateParams.builder().model(Kit.MODEL).prompt("Once upon a time").build();
        return Map.of("text", CLIENT.completions().create(params).choices().get(0).text());
    }

    // Responses.

    static ResponseCreateParams.Builder request() {
        return ResponseCreateParams.builder().model(Kit.MODEL);
    }

    static String textOf(Response response) {
        return response.output().stream()
                .flatMap(item -> item.message().stream())
                .flatMap(message -> message.content().stream())
                .flatMap(part -> part.outputText().stream())
                .map(ResponseOutputText::text)
                .collect(Collectors.joining());
    }

    static Map<String, Object> respond(ResponseCreateParams.Builder params) {
        return Map.of("text", textOf(CLIENT.responses().create(params.build())));
    }

    static List<ResponseStreamEvent> events() {
        try (StreamResponse<ResponseStreamEvent> held =
                CLIENT.responses().createStreaming(request().input(Kit.STREAM).build())) {
            return held.stream().toList();
        }
    }

    static Map<String, Object> responseStream() {
        return Kit.streamed(
                events().stream()
                        .flatMap(event -> event.outputTextDelta().stream())
                        .map(ResponseTextDeltaEvent::delta)
                        .toList());
    }

    static ResponseInputItem user(ResponseInputItem.Message.Builder message) {
        return ResponseInputItem.ofMessage(
                message.role(ResponseInputItem.Message.Role.USER).build());
    }

    static Map<String, Object> responseTools() throws Exception {
        List<ResponseInputItem> items = new ArrayList<>();
        items.add(user(ResponseInputItem.Message.builder().addInputTextContent(Kit.TOOLS)));
        var first = request().addTool(GetWeather.class).inputOfResponse(items).build();
        List<Object> calls = new ArrayList<>();
        for (var item : CLIENT.responses().create(first).output()) {
            if (item.functionCall().isEmpty()) {
                continue;
            }
            var call = item.functionCall().get();
            calls.add(List.of(call.name(), Kit.parsed(call.arguments())));
            items.add(ResponseInputItem.ofFunctionCall(call));
            items.add(
                    ResponseInputItem.ofFunctionCallOutput(
                            ResponseInputItem.FunctionCallOutput.builder()
                                    .callId(call.callId())
                                    .output(Kit.weather(call.arguments(GetWeather.class).city))
                                    .build()));
        }
        var second = request().addTool(GetWeather.class).inputOfResponse(items).build();
        return Map.of("text", textOf(CLIENT.responses().create(second)), "calls", calls);
    }

    static Map<String, Object> responseStructured() {
        var params = request().input(Kit.STRUCTURED).text(Person.class).build();
        return CLIENT.responses().create(params).output().stream()
                .flatMap(item -> item.message().stream())
                .flatMap(message -> message.content().stream())
                .flatMap(part -> part.outputText().stream())
                .findFirst()
                .get()
                .told();
    }

    static Map<String, Object> responseVision() throws Exception {
        var image =
                ResponseInputImage.builder()
                        .detail(ResponseInputImage.Detail.AUTO)
                        .imageUrl("data:image/png;base64," + Kit.picture())
                        .build();
        var message =
                ResponseInputItem.Message.builder()
                        .addInputTextContent(Kit.VISION)
                        .addContent(image);
        return respond(request().inputOfResponse(List.of(user(message))));
    }

    static List<Long> used(ResponseUsage usage) {
        return List.of(usage.inputTokens(), usage.outputTokens());
    }

    static Map<String, Object> responseUsage() {
        var whole = CLIENT.responses().create(request().input(Kit.SAY).build()).usage().get();
        var last = events().stream().flatMap(event -> event.completed().stream()).findFirst();
        return Map.of(
                "whole", used(whole), "streamed", used(last.get().response().usage().get()));
    }

    static Map<String, Object> responseErrors() {
        var params = request().input(Kit.SAY);
        var stranger = open(Kit.WRONG_KEY);
        return Map.of(
                "key", Kit.fails(() -> stranger.responses().create(params.build())),
                "model", Kit.fails(() -> respond(params.model(Kit.UNKNOWN_MODEL))));
    }

    public static void main(String[] words) throws Exception {
        Map<String, Callable<Map<String, Object>>> chats =
                Map.ofEntries(
                        Map.entry(
                                "say",
                                () -> Map.of("text", ask(asked().addUserMessage(Kit.SAY).build()))),
                        Map.entry("stream", Drive::chatStream),
                        Map.entry("tools", Drive::chatTools),
                        Map.entry("structured", Drive::chatStructured),
                        Map.entry("vision", Drive::chatVision),
                        Map.entry("usage", Drive::chatUsage),
                        Map.entry("errors", Drive::chatErrors),
                        Map.entry("cached", More::chatCached),
                        Map.entry("embed", Drive::embed),
                        Map.entry("complete", Drive::complete),
                        Map.entry("moderate", More::moderate),
                        Map.entry("image", More::image),
                        Map.entry("speech", More::speech),
                        Map.entry("transcribe", More::transcribe));
        Map<String, Callable<Map<String, Object>>> responses =
                Map.ofEntries(
                        Map.entry("say", () -> respond(request().input(Kit.SAY))),
                        Map.entry("stream", Drive::responseStream),
                        Map.entry("tools", Drive::responseTools),
                        Map.entry("structured", Drive::responseStructured),
                        Map.entry("vision", Drive::responseVision),
                        Map.entry("usage", Drive::responseUsage),
                        Map.entry("errors", Drive::responseErrors),
                        Map.entry("cached", More::responseCached),
                        Map.entry("search", More::search),
                        Map.entry("reason", More::reason),
                        Map.entry("state", More::state));
        Kit.run(words, words[0].equals("responses") ? responses : chats);
    }
}
