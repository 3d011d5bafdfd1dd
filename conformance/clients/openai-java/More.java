// What is asked beside conversations, and what servers keep and search for, by openai-java.

import com.openai.client.OpenAIClient;
import com.openai.errors.OpenAIServiceException;
import com.openai.models.audio.speech.SpeechCreateParams;
import com.openai.models.audio.transcriptions.TranscriptionCreateParams;
import com.openai.models.images.*;
import com.openai.models.moderations.ModerationCreateParams;
import com.openai.models.responses.*;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

final class More {
    private static final OpenAIClient CLIENT = Drive.CLIENT;

    static String shown(ImagesResponse answer) {
        var encoded = answer.data().get().get(0).b64Json().get();
        return new String(Base64.getDecoder().decode(encoded));
    }

    static Map<String, Object> image() {
        var made = ImageGenerateParams.builder().model(Kit.MODEL).prompt("a cat").build();
        var changed =
                ImageEditParams.builder()
                        .model(Kit.MODEL)
                        .prompt("a dog")
                        .image(Kit.PICTURE_FILE)
                        .build();
        return Map.of(
                "made", shown(CLIENT.images().generate(made)),
                "changed", shown(CLIENT.images().edit(changed)));
    }

    static Map<String, Object> speech() throws Exception {
        var params =
                SpeechCreateParams.builder().model(Kit.MODEL).voice("alloy").input("Hello").build();
        try (var answer = CLIENT.audio().speech().create(params)) {
            var raw = answer.body().readAllBytes();
            return Map.of("sound", new String(raw, 0, 23), "bytes", raw.length);
        }
    }

    static Map<String, Object> transcribe() {
        var params =
                TranscriptionCreateParams.builder().model(Kit.MODEL).file(Kit.SOUND_FILE).build();
        var answer = CLIENT.audio().transcriptions().create(params);
        return Map.of("text", answer.asTranscription().text());
    }

    static Map<String, Object> moderate() {
        var params = ModerationCreateParams.builder().model(Kit.MODEL).input("I hate it").build();
        return Map.of("flagged", CLIENT.moderations().create(params).results().get(0).flagged());
    }

    static Map<String, Object> chatCached() {
        var params = Drive.asked().addUserMessage(Kit.CACHED).build();
        var used = CLIENT.chat().completions().create(params).usage().get();
        var cached = used.promptTokensDetails().get().cachedTokens().get();
        return Map.of("cached", cached, "input", used.promptTokens());
    }

    static Map<String, Object> responseCached() {
        var answer = CLIENT.responses().create(Drive.request().input(Kit.CACHED).build());
        var used = answer.usage().get();
        var cached = used.inputTokensDetails().cachedTokens();
        return Map.of("cached", cached, "input", used.inputTokens());
    }

    static Map<String, Object> search() {
        var tool = WebSearchTool.builder().type(WebSearchTool.Type.WEB_SEARCH).build();
        var params = Drive.request().input(Kit.SEARCH).addTool(tool).build();
        var answer = CLIENT.responses().create(params);
        var source =
                answer.output().stream()
                        .flatMap(item -> item.message().stream())
                        .flatMap(message -> message.content().stream())
                        .flatMap(part -> part.outputText().stream())
                        .flatMap(text -> text.annotations().stream())
                        .flatMap(cited -> cited.urlCitation().stream())
                        .findFirst()
                        .get();
        return Map.of(
                "text", Drive.textOf(answer),
                "source", source.url(),
                "searched", answer.output().get(0).isWebSearchCall());
    }

    static Response asked(List<ResponseInputItem> items) {
        var params =
                Drive.request()
                        .inputOfResponse(items)
                        .store(false)
                        .addInclude(ResponseIncludable.REASONING_ENCRYPTED_CONTENT);
        return CLIENT.responses().create(params.build());
    }

    static Map<String, Object> reason() {
        var user = Drive.user(ResponseInputItem.Message.builder().addInputTextContent(Kit.REASON));
        List<ResponseInputItem> items = new ArrayList<>(List.of(user));
        var first = asked(items).output();
        var thought = first.get(0).asReasoning();
        items.add(ResponseInputItem.ofReasoning(thought));
        items.add(ResponseInputItem.ofResponseOutputMessage(first.get(1).asMessage()));
        items.add(user);
        return Map.of(
                "thought", thought.summary().get(0).text(), "text", Drive.textOf(asked(items)));
    }

    static int failed(Runnable ask) {
        try {
            ask.run();
        } catch (OpenAIServiceException error) {
            return error.statusCode();
        }
        return 0;
    }

    static Map<String, Object> state() {
        var first = CLIENT.responses().create(Drive.request().input(Kit.NAMED).build());
        var follow = Drive.request().input(Kit.ASKED_NAME);
        var second = CLIENT.responses().create(follow.previousResponseId(first.id()).build());
        var kept = CLIENT.responses().retrieve(second.id());
        var items = CLIENT.responses().inputItems().list(second.id()).data();
        CLIENT.responses().delete(second.id());
        var text = Drive.textOf(second);
        return Map.of(
                "text", text,
                "kept", Drive.textOf(kept).equals(text),
                "status", kept.status().get().toString(),
                "items", items.size(),
                "gone", failed(() -> CLIENT.responses().retrieve(second.id())),
                "goes_on",
                        failed(
                                () ->
                                        CLIENT.responses()
                                                .create(
                                                        follow.previousResponseId(second.id())
                                                                .build())));
    }
}
