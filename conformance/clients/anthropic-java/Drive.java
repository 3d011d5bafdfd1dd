// The official com.anthropic:anthropic-java.

import com.anthropic.client.AnthropicClient;
import com.anthropic.client.okhttp.AnthropicOkHttpClient;
import com.anthropic.core.JsonValue;
import com.anthropic.core.http.StreamResponse;
import com.anthropic.helpers.MessageAccumulator;
import com.anthropic.models.messages.*;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

public final class Drive {
    static final AnthropicClient CLIENT = open(Kit.KEY);

    static AnthropicClient open(String key) {
        return AnthropicOkHttpClient.builder()
                .baseUrl(Kit.ROOT)
                .apiKey(key)
                .maxRetries(0)
                .build();
    }

    static MessageCreateParams.Builder asked() {
        return MessageCreateParams.builder().model(Kit.MODEL).maxTokens(500);
    }

    static Message ask(MessageCreateParams.Builder params) {
        return CLIENT.messages().create(params.build());
    }

    static String textOf(Message message) {
        return message.content().stream()
                .flatMap(block -> block.text().stream())
                .map(TextBlock::text)
                .collect(Collectors.joining());
    }

    static Message listen(MessageCreateParams.Builder params, List<String> texts) {
        var held = MessageAccumulator.create();
        try (StreamResponse<RawMessageStreamEvent> events =
                CLIENT.messages().createStreaming(params.build())) {
            events.stream()
                    .peek(held::accumulate)
                    .flatMap(event -> event.contentBlockDelta().stream())
                    .flatMap(event -> event.delta().text().stream())
                    .forEach(delta -> texts.add(delta.text()));
        }
        return held.message();
    }

    static Tool tool(String name, Map<String, String> properties) {
        var held = Tool.InputSchema.Properties.builder();
        properties.forEach(
                (key, type) ->
                        held.putAdditionalProperty(key, JsonValue.from(Map.of("type", type))));
        var schema = Tool.InputSchema.builder().properties(held.build()).build();
        return Tool.builder().name(name).inputSchema(schema).build();
    }

    static Map<String, Object> tools() {
        var params = asked().addUserMessage(Kit.TOOLS);
        params.addTool(tool("get_weather", Map.of("city", "string")));
        var message = ask(params);
        List<Object> calls = new ArrayList<>();
        List<ContentBlockParam> results = new ArrayList<>();
        for (var block : message.content()) {
            if (block.toolUse().isEmpty()) {
                continue;
            }
            var call = block.toolUse().get();
            Map<?, ?> given = call._input().convert(Map.class);
            calls.add(List.of(call.name(), given));
            results.add(
                    ContentBlockParam.ofToolResult(
                            ToolResultBlockParam.builder()
                                    .toolUseId(call.id())
                                    .content(Kit.weather((String) given.get("city")))
                                    .build()));
        }
        params.addMessage(message).addUserMessageOfContentBlockParams(results);
        var stop = message.stopReason().get().toString();
        var text = textOf(listen(params, new ArrayList<>()));
        return Map.of("text", text, "calls", calls, "stop", stop);
    }

    static Map<String, Object> structured() {
        var params = asked().addUserMessage(Kit.STRUCTURED);
        params.addTool(tool("person", Map.of("name", "string", "age", "integer")));
        params.toolChoice(ToolChoiceTool.builder().name("person").build());
        var call = ask(params).content().get(0).toolUse().get();
        return Map.of("parsed", call._input().convert(Map.class));
    }

    static Map<String, Object> vision() throws Exception {
        var source =
                Base64ImageSource.builder()
                        .data(Kit.picture())
                        .mediaType(Base64ImageSource.MediaType.IMAGE_PNG)
                        .build();
        var image = ImageBlockParam.builder().source(source).build();
        var text = TextBlockParam.builder().text(Kit.VISION).build();
        var parts = List.of(ContentBlockParam.ofImage(image), ContentBlockParam.ofText(text));
        return Map.of("text", textOf(ask(asked().addUserMessageOfContentBlockParams(parts))));
    }

    static List<Long> used(Message message) {
        return List.of(message.usage().inputTokens(), message.usage().outputTokens());
    }

    static Map<String, Object> usage() {
        var whole = ask(asked().addUserMessage(Kit.SAY));
        var last = listen(asked().addUserMessage(Kit.STREAM), new ArrayList<>());
        return Map.of("whole", used(whole), "streamed", used(last));
    }

    static Map<String, Object> errors() {
        var params = asked().addUserMessage(Kit.SAY);
        var stranger = open(Kit.WRONG_KEY);
        return Map.of(
                "key", Kit.fails(() -> stranger.messages().create(params.build())),
                "model", Kit.fails(() -> ask(params.model(Kit.UNKNOWN_MODEL))));
    }

    static Map<String, Object> count() {
        var params =
                MessageCountTokensParams.builder().model(Kit.MODEL).addUserMessage(Kit.SAY).build();
        return Map.of("counted", CLIENT.messages().countTokens(params).inputTokens() > 0);
    }

    static Map<String, Object> stream() {
        List<String> texts = new ArrayList<>();
        listen(asked().addUserMessage(Kit.STREAM), texts);
        return Kit.streamed(texts);
    }

    static Map<String, Object> cached() {
        var part =
                TextBlockParam.builder()
                        .text(Kit.CACHED)
                        .cacheControl(CacheControlEphemeral.builder().build())
                        .build();
        var parts = List.of(ContentBlockParam.ofText(part));
        var used = ask(asked().addUserMessageOfContentBlockParams(parts)).usage();
        return Map.of("cached", used.cacheReadInputTokens().get(), "input", used.inputTokens());
    }

    static Map<String, Object> search() {
        var params = asked().addUserMessage(Kit.SEARCH);
        params.addTool(WebSearchTool20250305.builder().build());
        var whole = ask(params);
        var streamed = listen(params, new ArrayList<>()).content();
        var found = whole.content().get(1).webSearchToolResult().get().content();
        return Map.of(
                "text", textOf(whole),
                "source", found.asResultBlocks().get(0).url(),
                "query", streamed.get(0).serverToolUse().get()._input().convert(Map.class),
                "streamed", streamed.get(1).webSearchToolResult().isPresent());
    }

    // The thought is streamed, as long ones are, and given back.
    static Map<String, Object> reason() {
        var params = asked().maxTokens(2000).enabledThinking(1024).addUserMessage(Kit.REASON);
        var first = listen(params, new ArrayList<>());
        params.addMessage(first).addUserMessage(Kit.REASON);
        var thought = first.content().get(0).thinking().get().thinking();
        return Map.of("thought", thought, "text", textOf(ask(params)));
    }

    public static void main(String[] words) throws Exception {
        Kit.run(
                words,
                Map.ofEntries(
                        Map.entry(
                                "say",
                                () ->
                                        Map.of(
                                                "text",
                                                textOf(ask(asked().addUserMessage(Kit.SAY))))),
                        Map.entry("stream", Drive::stream),
                        Map.entry("tools", Drive::tools),
                        Map.entry("structured", Drive::structured),
                        Map.entry("vision", Drive::vision),
                        Map.entry("usage", Drive::usage),
                        Map.entry("errors", Drive::errors),
                        Map.entry("cached", Drive::cached),
                        Map.entry("search", Drive::search),
                        Map.entry("reason", Drive::reason),
                        Map.entry("count", Drive::count)));
    }
}
