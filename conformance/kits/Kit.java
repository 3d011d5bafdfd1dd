// What drivers in Java share: the prompts, and one line of JSON a job.

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

final class Kit {
    static final String ROOT = System.getenv("CONFORMANCE_URL");
    static final String KEY = System.getenv("CONFORMANCE_KEY");
    static final String MODEL = System.getenv("CONFORMANCE_MODEL");
    static final String WRONG_KEY = "sk-wrong";
    static final String UNKNOWN_MODEL = "nowhere";
    static final String SAY = "Greet me. [job:say]";
    static final String STREAM = "Tell me something. [job:stream]";
    static final String TOOLS = "How warm is it in Paris and in Oslo? [job:tools]";
    static final String STRUCTURED =
            "Who wrote the first program, and how old was she? [job:structured]";
    static final String CACHED = "Greet me again. [job:cached]";
    static final String SEARCH = "Who wrote the first program? Search for it. [job:search]";
    static final String REASON = "Think, then greet me. [job:reason]";
    static final String NAMED = "My name is Ada. [job:state]";
    static final String ASKED_NAME = "What is my name? [job:state]";
    static final Path PICTURE_FILE = Path.of("picture.png");
    static final Path SOUND_FILE = Path.of("sound.wav");
    static final String VISION = "What is in this picture? [job:vision]";
    private static final ObjectMapper JSON = new ObjectMapper();

    static String weather(String city) {
        return "21 degrees in " + city;
    }

    static String picture() throws IOException {
        return Base64.getEncoder().encodeToString(Files.readAllBytes(PICTURE_FILE));
    }

    static Object parsed(String text) throws IOException {
        return JSON.readValue(text, Object.class);
    }

    static Map<String, Object> streamed(List<String> texts) {
        List<String> held = texts.stream().filter(text -> !text.isEmpty()).toList();
        Object pieces = held.size() > 2 ? "many" : held.size();
        return Map.of("text", String.join("", held), "pieces", pieces);
    }

    static String fails(Callable<?> ask) {
        try {
            ask.call();
        } catch (Exception error) {
            return error.getClass().getSimpleName();
        }
        return "none";
    }

    static void run(String[] words, Map<String, Callable<Map<String, Object>>> jobs)
            throws IOException {
        for (String name : List.of(words).subList(1, words.length)) {
            Map<String, Object> line = new LinkedHashMap<>(Map.of("job", name));
            try {
                line.putAll(jobs.get(name).call());
            } catch (Exception error) {
                String message = String.valueOf(error.getMessage()).replace(ROOT, "ROOT");
                line.put("error", error.getClass().getSimpleName());
                line.put("message", message.substring(0, Math.min(400, message.length())));
            }
            System.out.println(JSON.writeValueAsString(line));
        }
        System.exit(0); // the client's threads would keep it alive for a minute
    }
}
