package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.cluster.SlotHash;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RedisKeysTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final RedisKeys KEYS = new RedisKeys("usage");

    @Test
    void namesUtcMonthAsDocumented() {
        assertThat(KEYS.of(new UsageKey("org-123", MARCH))).isEqualTo("usage:org-123:2026-03");
    }

    @Test
    void namesOtherWindowsDifferently() {
        assertThat(List.of(
                        KEYS.of(new UsageKey("org-123", UsagePeriod.day(LocalDate.of(2026, 3, 17)))),
                        KEYS.of(new UsageKey(
                                "org-123", UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata"))))))
                .containsExactly("usage:org-123:2026-03-17", "usage:org-123:20260228T183000Z/20260331T183000Z");
    }

    @Test
    void startsKeysWithPrefix() {
        assertThat(new RedisKeys("eu:prod").of(new UsageKey("org-123", MARCH))).isEqualTo("eu:prod:org-123:2026-03");
    }

    /** Processes of all versions agree on the channels. */
    @Test
    void namesShardsOfWakeUpsByTheirSlots() {
        List<String> shards = KEYS.shards();
        assertThat(shards)
                .hasSize(256)
                .startsWith("usage:wakeups:{460}", "usage:wakeups:{14}")
                .endsWith("usage:wakeups:{430}");
        for (int shard = 0; shard < shards.size(); shard++) {
            assertThat(SlotHash.getSlot(shards.get(shard)) / 64).isEqualTo(shard);
        }
        assertThat(KEYS.shard("usage:org-123:2026-03")).isEqualTo("usage:wakeups:{0}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
                    org:2026-03 | org%3A2026-03
                    org%3A2026-03 | org%253A2026-03
                    {org} | %7Borg%7D
                    o rg | o+rg
                    o+rg | o%2Brg
                    a/b | a%2Fb
                    ORG | ORG
                    é | %C3%A9
                    😀 | %F0%9F%98%80
                    """)
    void encodesUnusualIds(String id, String encoded) {
        assertThat(KEYS.of(new UsageKey(id, MARCH))).isEqualTo("usage:" + encoded + ":2026-03");
    }

    @Test
    void returnsEqualKeysForEqualFiguresOnly() {
        long seed = new Random().nextLong();
        System.out.println("RedisKeysTest seed " + seed);
        Random random = new Random(seed);
        Map<String, UsageKey> seen = new HashMap<>();
        for (int i = 0; i < 50_000; i++) {
            UsageKey key = new UsageKey(randomId(random), randomPeriod(random));
            String entry = KEYS.of(key);

            UsageKey other = seen.putIfAbsent(entry, key);

            if (other != null) {
                assertThat(other).as("seed %d: key of entry %s", seed, entry).isEqualTo(key);
            }
            String[] parts = entry.split(":", -1);
            assertThat(parts).as("seed %d: %s", seed, entry).hasSize(3).startsWith("usage");
            assertThat(entry).as("seed %d", seed).matches("[\\x21-\\x7e]+").doesNotContain("{", "}");
            assertThat(URLDecoder.decode(parts[1], StandardCharsets.UTF_8)).isEqualTo(key.organisationId());
            assertThat(UsagePeriod.parse(extended(parts[2]))).isEqualTo(key.period());
            assertThat(KEYS.parse(entry)).as("seed %d: key of %s", seed, entry).contains(key);
        }
        assertThat(seen).as("seed %d", seed).hasSizeBetween(1_000, 49_999);
    }

    @Test
    void parsesKeysUnderAnyPrefix() {
        UsageKey key = new UsageKey("org:%7B 😀", UsagePeriod.billingCycle(YearMonth.of(2026, 2), 31));
        for (String prefix : List.of("usage", "eu:prod", ":", "a:", "usage:usage")) {
            RedisKeys keys = new RedisKeys(prefix);
            assertThat(keys.parse(keys.of(key))).as(prefix).contains(key);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "usage",
                "usage:",
                "usage::",
                "usage:2026-03",
                "usage::2026-03",
                "usage:+:2026-03",
                "usage:org-123:",
                "usage:org-123:2026-3",
                "usage:org-123:2026-13",
                "usage:org-123:2026-03-01/2026-04-01",
                "usage:org-123:20260301T000000Z/20260401T000000Z",
                "usage:org-123:20260401T000000Z/20260301T000000Z",
                "usage:org-123:2026-03:lock",
                "usage:org:123:2026-03",
                "usage:org 123:2026-03",
                "usage:org%2D123:2026-03",
                "usage:org%:2026-03",
                "usage:org%FF:2026-03",
                "usage:org%00:2026-03",
                "usages:org-123:2026-03",
                "other:org-123:2026-03",
            })
    void parsesNoOtherText(String entry) {
        assertThat(KEYS.parse(entry)).isEmpty();
    }

    @Test
    void parsesNoKeyWithTooLongId() {
        String longest = "x".repeat(UsageKey.MAX_ORGANISATION_ID_LENGTH);
        assertThat(KEYS.parse("usage:" + longest + ":2026-03")).contains(new UsageKey(longest, MARCH));
        assertThat(KEYS.parse("usage:" + longest + "x:2026-03")).isEmpty();
    }

    /** Returns a short id of few characters, so that ids repeat; most characters have a meaning in key formats. */
    private static String randomId(Random random) {
        String alphabet = "a0:%3A{}+ /-_.*\n\t\u007fé😀";
        int[] characters = alphabet.codePoints().toArray();
        StringBuilder id = new StringBuilder();
        do {
            id.setLength(0);
            for (int length = random.nextInt(1, 6); length > 0; length--) {
                id.appendCodePoint(characters[random.nextInt(characters.length)]);
            }
        } while (id.toString().isBlank());
        return id.toString();
    }

    private static UsagePeriod randomPeriod(Random random) {
        YearMonth month = YearMonth.of(2026, 1 + random.nextInt(3));
        Instant start = month.atDay(1 + random.nextInt(2))
                .atStartOfDay(ZoneId.of("UTC"))
                .toInstant();
        return switch (random.nextInt(5)) {
            case 0 -> UsagePeriod.month(month);
            case 1 -> UsagePeriod.day(month.atDay(1 + random.nextInt(3)));
            case 2 -> UsagePeriod.billingCycle(month, 1 + random.nextInt(2));
            case 3 -> UsagePeriod.month(month, ZoneId.of("Europe/Berlin"));
            default -> UsagePeriod.between(start, start.plusMillis(1 + random.nextInt(3)));
        };
    }

    /** Parses the last part of a key independently: ISO 8601, basic to extended format. */
    private static String extended(String period) {
        return period.replaceAll(
                "(\\d{4})(\\d{2})(\\d{2})T(\\d{2})(\\d{2})(\\d{2})(\\.\\d+)?Z", "$1-$2-$3T$4:$5:$6$7Z");
    }
}
