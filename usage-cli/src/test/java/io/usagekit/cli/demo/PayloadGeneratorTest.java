package io.usagekit.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PayloadGeneratorTest {

    private static final int BODIES = 2_000;

    private final ObjectMapper json = new ObjectMapper();

    private static byte[][] bodies(long seed) {
        PayloadGenerator generator = new PayloadGenerator();
        SplittableRandom random = new SplittableRandom(seed);
        return IntStream.range(0, BODIES)
                .mapToObj(i -> generator.body(random, "push", PayloadSizes.at(random.nextDouble())))
                .toArray(byte[][]::new);
    }

    @Test
    void theSameSeedMakesTheSameBodies() {
        assertThat(bodies(7)).isDeepEqualTo(bodies(7));
        assertThat(bodies(7)[0]).isNotEqualTo(bodies(8)[0]);
    }

    @Test
    void everySizeIsMetToTheOctet() {
        PayloadGenerator generator = new PayloadGenerator();
        for (int size = PayloadSizes.at(0); size <= 27_000; size += 13) {
            assertThat(generator.body(new SplittableRandom(size), "workflow_job", size))
                    .hasSize(size);
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 964", "0.25, 6400", "0.5, 7800", "0.75, 11600", "0.9, 23600", "0.99, 26200"})
    void sizesHaveTheQuantilesOfRealWebhooks(double quantile, int octets) {
        int[] sizes = Arrays.stream(bodies(2026))
                .mapToInt(body -> body.length)
                .sorted()
                .toArray();

        assertThat(PayloadSizes.at(quantile)).isEqualTo(octets);
        assertThat((double) sizes[(int) (quantile * BODIES)]).isCloseTo(octets, within(octets * 0.1));
        assertThat(sizes[BODIES - 1]).isLessThanOrEqualTo(27_000);
    }

    @Test
    void bodiesAreJsonWithTextInManyScripts() throws IOException {
        int octets = 0;
        int characters = 0;
        for (byte[] body : bodies(2026)) {
            JsonNode node = json.readTree(body);
            assertThat(node.path("event").asText()).isEqualTo("push");
            assertThat(node.path("sender").path("login").asText()).isNotEmpty();
            String text = new String(body, StandardCharsets.UTF_8);
            assertThat(text).doesNotContain("\uFFFD");
            octets += body.length;
            characters += text.length();
        }
        assertThat(characters).as("a count of characters is too low").isLessThan(octets);
    }

    @Test
    void aTransformedBodyIsJsonThatHoldsTheBody() throws IOException {
        byte[] body = bodies(1)[0];

        JsonNode node = json.readTree(PayloadGenerator.transformed(body, "push", "id-1"));

        assertThat(node.path("data")).isEqualTo(json.readTree(body));
        assertThat(node.path("id").asText()).isEqualTo("id-1");
    }
}
