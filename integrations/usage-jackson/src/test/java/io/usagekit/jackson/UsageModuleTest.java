package io.usagekit.jackson;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.WarmResult;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

/** The same JSON forms on both versions of Jackson. */
class UsageModuleTest {

    /** A mapper of either version, with the module found as hosts find it, or registered with a formatter. */
    private interface HostMapper {

        String print(Object value);

        <T> T read(String json, Class<T> type);

        Map<UsagePeriod, UsageMetrics> readMap(String json);

        HostMapper with(UsageResponseFormatter formatter);
    }

    private record Jackson2(ObjectMapper mapper) implements HostMapper {

        @Override
        public String print(Object value) {
            return checked(() -> mapper.writeValueAsString(value));
        }

        @Override
        public <T> T read(String json, Class<T> type) {
            return checked(() -> mapper.readValue(json, type));
        }

        @Override
        public Map<UsagePeriod, UsageMetrics> readMap(String json) {
            return checked(() -> mapper.readValue(json, new TypeReference<>() {}));
        }

        @Override
        public HostMapper with(UsageResponseFormatter formatter) {
            return new Jackson2(mapper.copy().registerModule(new Jackson2UsageModule(formatter)));
        }

        private interface Call<T> {
            T run() throws JsonProcessingException;
        }

        private static <T> T checked(Call<T> call) {
            try {
                return call.run();
            } catch (JsonProcessingException e) {
                throw new IllegalStateException(e.getMessage(), e);
            }
        }

        @Override
        public String toString() {
            return "Jackson 2";
        }
    }

    private record Jackson3(JsonMapper mapper) implements HostMapper {

        @Override
        public String print(Object value) {
            return mapper.writeValueAsString(value);
        }

        @Override
        public <T> T read(String json, Class<T> type) {
            return mapper.readValue(json, type);
        }

        @Override
        public Map<UsagePeriod, UsageMetrics> readMap(String json) {
            return mapper.readValue(json, new tools.jackson.core.type.TypeReference<>() {});
        }

        @Override
        public HostMapper with(UsageResponseFormatter formatter) {
            return new Jackson3(mapper.rebuild()
                    .addModule(new Jackson3UsageModule(formatter))
                    .build());
        }

        @Override
        public String toString() {
            return "Jackson 3";
        }
    }

    static Stream<HostMapper> mappers() {
        return Stream.of(
                new Jackson2(new ObjectMapper().findAndRegisterModules()),
                new Jackson3(JsonMapper.builder().findAndAddModules().build()));
    }

    static Stream<HostMapper> mappersWithOtherConventions() {
        return Stream.of(
                new Jackson2(new ObjectMapper()
                        .findAndRegisterModules()
                        .setPropertyNamingStrategy(PropertyNamingStrategies.UPPER_CAMEL_CASE)
                        .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)),
                new Jackson3(JsonMapper.builder()
                        .findAndAddModules()
                        .propertyNamingStrategy(tools.jackson.databind.PropertyNamingStrategies.UPPER_CAMEL_CASE)
                        .enable(tools.jackson.databind.SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
                        .build()));
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void printsWhatTheFormatterPrints(HostMapper mapper) {
        assertThat(mapper.print(Figures.FRESH))
                .isEqualTo(
                        "{\"organisation_id\":\"org-123\",\"period\":\"2026-03\",\"received\":{\"volume\":100,\"bytes\":1024},"
                                + "\"sent\":{\"volume\":50,\"bytes\":512},\"created_at\":\"2026-03-17T01:28:00Z\"}")
                .isEqualTo(UsageResponseFormatter.plain().toJson(Figures.FRESH));
        assertThat(mapper.print(Figures.USAGE)).isEqualTo(mapper.print(Figures.FRESH));
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void aPendingAnswerHasNoFigure(HostMapper mapper) {
        assertThat(mapper.print(Figures.PENDING))
                .isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\",\"pending\":true,"
                        + "\"created_at\":\"2026-03-17T01:28:00Z\"}");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void printsTheDetailsOfTheFormatterThatIsRegisteredLast(HostMapper mapper) {
        UsageResponseFormatter formatter = UsageResponseFormatter.enveloped().withFreshness();

        assertThat(mapper.with(formatter).print(Figures.FRESH)).isEqualTo(formatter.toJson(Figures.FRESH));
        assertThat(mapper.with(formatter)
                        .with(UsageResponseFormatter.plain().withFreshness())
                        .print(Figures.FRESH))
                .isEqualTo(UsageResponseFormatter.plain().withFreshness().toJson(Figures.FRESH));
    }

    @ParameterizedTest
    @MethodSource("mappersWithOtherConventions")
    void conventionsOfTheMapperDontChangeTheForm(HostMapper mapper) {
        assertThat(mapper.print(Figures.FRESH))
                .isEqualTo(UsageResponseFormatter.plain().toJson(Figures.FRESH));
        assertThat(mapper.print(Figures.KEY)).isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\"}");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void periodsAndKeysAreReadBackAsEqualOnes(HostMapper mapper) {
        for (UsagePeriod period : new UsagePeriod[] {Figures.MARCH, Figures.MARCH_IN_KOLKATA}) {
            UsageKey key = new UsageKey("org \"1\"", period);
            assertThat(mapper.read(mapper.print(period), UsagePeriod.class)).isEqualTo(period);
            assertThat(mapper.read(mapper.print(key), UsageKey.class)).isEqualTo(key);
            Map<UsagePeriod, UsageMetrics> map = Map.of(period, new UsageMetrics(1, Long.MAX_VALUE));
            assertThat(mapper.readMap(mapper.print(map))).isEqualTo(map);
        }
        assertThat(mapper.print(Figures.MARCH_IN_KOLKATA)).isEqualTo("\"20260228T183000Z/20260331T183000Z\"");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void whatIsMissingOrOutOfBoundsIsRejectedInWords(HostMapper mapper) {
        assertThatThrownBy(() -> mapper.read("\"2026-13\"", UsagePeriod.class))
                .hasMessageContaining("period must be a month (2026-03)")
                .hasMessageContaining("2026-13");
        assertThatThrownBy(() -> mapper.read("{\"volume\":1}", UsageMetrics.class))
                .hasMessageContaining("bytes must be a whole number")
                .hasMessageContaining("was null");
        assertThatThrownBy(() -> mapper.read("{\"volume\":1,\"bytes\":1.5}", UsageMetrics.class))
                .hasMessageContaining("bytes must be a whole number")
                .hasMessageContaining("1.5");
        assertThatThrownBy(() -> mapper.read("{\"volume\":1,\"bytes\":9223372036854775808}", UsageMetrics.class))
                .hasMessageContaining("at most 9223372036854775807");
        assertThatThrownBy(() -> mapper.read("{\"volume\":-1,\"bytes\":1}", UsageMetrics.class))
                .hasMessageContaining("volume must be at least 0, but was -1");
        assertThatThrownBy(() -> mapper.read("{\"organisation_id\":\" \",\"period\":\"2026-03\"}", UsageKey.class))
                .hasMessageContaining("organisationId must not be blank");
        assertThatThrownBy(() -> mapper.read("{\"period\":\"2026-03\"}", UsageKey.class))
                .hasMessageContaining("organisation_id must be a string");
        assertThatThrownBy(() -> mapper.readMap("{\"march\":{\"volume\":1,\"bytes\":1}}"))
                .hasMessageContaining("period must be a month");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void figuresArentReadBack(HostMapper mapper) {
        assertThatThrownBy(() -> mapper.read(mapper.print(Figures.FRESH), UsageResult.class))
                .hasMessageContaining("UsageResult has no JSON form to read");
        assertThatThrownBy(() -> mapper.read(mapper.print(Figures.USAGE), OrganisationUsage.class))
                .hasMessageContaining("OrganisationUsage has no JSON form to read");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void anErrorHasTheFormOfTheFormatter(HostMapper mapper) {
        UsageError error = UsageError.of(new IllegalArgumentException("period must be a month"));

        assertThat(mapper.print(error))
                .isEqualTo("{\"error\":\"invalid_request\",\"message\":\"period must be a month\"}");
        assertThat(mapper.with(UsageResponseFormatter.enveloped()).print(error))
                .isEqualTo(UsageResponseFormatter.enveloped().toJson(error));
        assertThatThrownBy(() -> mapper.read("{}", UsageError.class))
                .hasMessageContaining("UsageError has no JSON form");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void severalResultsArePrintedEachAsTheFormatterPrintsIt(HostMapper mapper) {
        UsageKey failed = new UsageKey("org-9", Figures.MARCH);
        UsageError error = UsageError.of(Figures.failure());
        for (UsageResponseFormatter formatter : List.of(
                UsageResponseFormatter.plain(),
                UsageResponseFormatter.enveloped().withFreshness().withZone())) {
            assertThat(mapper.with(formatter).print(Figures.SEVERAL))
                    .isEqualTo("{\"results\":[" + formatter.toJson(Figures.FRESH) + "],\"failures\":["
                            + formatter.toJson(failed, error) + "]}")
                    .doesNotContain(Figures.SECRET);
        }
        assertThat(mapper.print(Figures.SEVERAL))
                .contains(
                        "{\"organisation_id\":\"org-9\",\"period\":\"2026-03\",\"error\":\"calculation_failed\",\"message\":");
        assertThat(mapper.print(new UsageResults(Map.of(), Map.of()))).isEqualTo("{\"results\":[],\"failures\":[]}");
        assertThatThrownBy(() -> mapper.read("{}", UsageResults.class))
                .hasMessageContaining("UsageResults has no JSON form");
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void theResultOfWarmingHasTheCodesOfItsFailures(HostMapper mapper) {
        assertThat(mapper.print(Figures.WARMED))
                .isEqualTo("{\"fresh\":1,\"computed\":2,\"failures\":{\"org-9\":\"calculation_failed\"}}");
        assertThatThrownBy(() -> mapper.read("{}", WarmResult.class))
                .hasMessageContaining("WarmResult has no JSON form");
    }
}
