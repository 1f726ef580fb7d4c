package io.usagekit.jackson;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.events.Event;
import io.usagekit.events.Page;
import io.usagekit.events.Payload;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/** A mapper without this module prints the complete value or fails: never an empty object, never only {@code "pending"}. */
class BeanPathTest {

    /** Types that hosts pass to the library and that no call returns. */
    private static final Set<String> INPUTS = Set.of(
            "MissPolicy",
            "EventFilter",
            "DeliveryFilter",
            "SearchQuery",
            "NewEvent",
            "ExportRequest",
            "UsageServiceBuilder");

    private static final ObjectMapper READER = new ObjectMapper();

    /** A mapper of the host; empty if it fails on the value. */
    private record HostMapper(String name, Printing printing) {

        interface Printing {
            String json(Object value) throws JsonProcessingException;
        }

        Optional<JsonNode> print(Object value) {
            String json;
            try {
                json = printing.json(value);
            } catch (JsonProcessingException | JacksonException e) {
                return Optional.empty();
            }
            try {
                return Optional.of(READER.readTree(json));
            } catch (JsonProcessingException e) {
                throw new AssertionError("not JSON: " + json, e);
            }
        }

        @Override
        public String toString() {
            return name;
        }
    }

    static Stream<HostMapper> mappers() {
        return Stream.concat(
                Stream.of(
                        mapper("Jackson 2, plain", new ObjectMapper()),
                        mapper(
                                "Jackson 2, empty beans allowed",
                                new ObjectMapper().disable(SerializationFeature.FAIL_ON_EMPTY_BEANS))),
                completeMappers());
    }

    /** Those that know {@code java.time} and {@code Optional}, so that they print instead of failing. */
    static Stream<HostMapper> completeMappers() {
        return Stream.of(
                mapper("Jackson 2 with the modules that Spring Boot registers", withModules(new ObjectMapper())),
                mapper(
                        "Jackson 2 with modules, empty beans allowed",
                        withModules(new ObjectMapper()).disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)),
                new HostMapper("Jackson 3, plain", JsonMapper.builder().build()::writeValueAsString));
    }

    private static HostMapper mapper(String name, ObjectMapper mapper) {
        return new HostMapper(name, mapper::writeValueAsString);
    }

    private static ObjectMapper withModules(ObjectMapper mapper) {
        return mapper.registerModules(new JavaTimeModule(), new Jdk8Module())
                .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS);
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void aFigureIsCompleteOrFails(HostMapper mapper) {
        for (Object value : List.of(
                Figures.USAGE,
                Figures.FRESH,
                new AgedUsage(Figures.USAGE, Duration.ofSeconds(7)),
                List.of(Figures.FRESH))) {
            mapper.print(value).ifPresent(json -> assertComplete(json, value));
        }
    }

    @ParameterizedTest
    @MethodSource("completeMappers")
    void aMapperThatKnowsInstantsPrintsTheFigure(HostMapper mapper) {
        JsonNode json = mapper.print(Figures.FRESH).orElseThrow();

        assertComplete(json, Figures.FRESH);
        assertThat(json.at("/pending").booleanValue()).isFalse();
        assertThat(json.at("/freshness").textValue()).isEqualTo("FRESH");
        assertThat(json.at("/usage/received/bytes").longValue()).isEqualTo(1024);
    }

    private static void assertComplete(JsonNode json, Object value) {
        assertThat(json.findValuesAsText("volume")).as("%s of %s", json, value).contains("100", "50");
        assertThat(json.findValuesAsText("bytes")).as("%s of %s", json, value).contains("1024", "512");
        assertThat(json.findValuesAsText("organisationId"))
                .as("%s of %s", json, value)
                .contains("org-123");
        assertWindow(json);
        assertThat(json.findValuesAsText("createdAt"))
                .as("%s of %s", json, value)
                .contains("2026-03-17T01:28:00.123456Z");
    }

    private static void assertWindow(JsonNode json) {
        assertThat(json.findValuesAsText("start")).as("%s", json).contains("2026-03-01T00:00:00Z");
        assertThat(json.findValuesAsText("end")).as("%s", json).contains("2026-04-01T00:00:00Z");
        assertThat(json.findValuesAsText("label")).as("%s", json).contains("2026-03");
        assertNoEmptyObject(json);
    }

    private static void assertNoEmptyObject(JsonNode json) {
        assertThat(json.isObject() && json.isEmpty())
                .as("empty object in %s", json)
                .isFalse();
        json.forEach(BeanPathTest::assertNoEmptyObject);
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void aPendingAnswerNamesItsFigureOrFails(HostMapper mapper) {
        mapper.print(Figures.PENDING).ifPresent(json -> {
            assertThat(json.at("/pending").booleanValue()).isTrue();
            assertThat(json.at("/usage").isNull()).as("%s", json).isTrue();
            assertThat(json.at("/key/organisationId").textValue()).isEqualTo("org-123");
            assertWindow(json);
        });
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void periodsAndKeysAreCompleteOrFail(HostMapper mapper) {
        for (Object value : List.of(Figures.MARCH, Figures.KEY)) {
            mapper.print(value).ifPresent(BeanPathTest::assertWindow);
        }
        mapper.print(Map.of("april", Figures.MARCH)).ifPresent(BeanPathTest::assertWindow);
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void aPayloadIsCompleteOrFails(HostMapper mapper) {
        Payload payload = Payload.of("text", new byte[] {1, 2, 3});
        Event event = new Event(
                "e", "p", "t", payload, Map.of("h", "v"), "", "", false, "", 7, Figures.CREATED_AT, Optional.empty());

        assertThat(mapper.print(payload)).hasValueSatisfying(json -> {
            assertThat(json.at("/raw").textValue()).isEqualTo("text");
            assertThat(json.at("/data").textValue()).isEqualTo("AQID");
        });
        mapper.print(new Page<>(List.of(event), Optional.empty(), Optional.empty()))
                .ifPresent(json -> assertThat(json.at("/items/0/payload/data").textValue())
                        .as("%s", json)
                        .isEqualTo("AQID"));
    }

    @ParameterizedTest
    @MethodSource("mappers")
    void severalFiguresAreCompleteAndTheirExceptionsStayInside(HostMapper mapper) {
        mapper.print(Figures.SEVERAL).ifPresent(json -> {
            assertComplete(json.at("/results"), Figures.SEVERAL);
            assertThat(json.at("/failedKeys/0/organisationId").textValue()).isEqualTo("org-9");
            assertThat(json.toString()).doesNotContain(Figures.SECRET, "stackTrace", "message");
        });
        assertThat(mapper.print(Figures.WARMED)).hasValueSatisfying(json -> {
            assertThat(json.at("/fresh").intValue()).isEqualTo(1);
            assertThat(json.at("/computed").intValue()).isEqualTo(2);
            assertThat(json.at("/failedOrganisationIds/0").textValue()).isEqualTo("org-9");
            assertThat(json).as("%s", json).hasSize(3);
        });
    }

    @Test
    void noReturnedTypeHasAnExceptionThatAMapperPrints() {
        assertThat(publicTypes("io/usagekit", "io/usagekit/events"))
                .filteredOn(type -> !Throwable.class.isAssignableFrom(type))
                .filteredOn(type -> printed(type).anyMatch(BeanPathTest::holdsThrowable))
                .isEmpty();
    }

    /** The types of what a mapper finds: a record's components, and bean getters. */
    private static Stream<Type> printed(Class<?> type) {
        return type.isRecord()
                ? Stream.of(type.getRecordComponents()).map(RecordComponent::getGenericType)
                : accessors(type)
                        .filter(method -> method.getName().startsWith("get"))
                        .map(Method::getGenericReturnType);
    }

    private static boolean holdsThrowable(Type type) {
        if (type instanceof ParameterizedType generic) {
            return Stream.of(generic.getActualTypeArguments()).anyMatch(BeanPathTest::holdsThrowable);
        }
        return type instanceof Class<?> plain && Throwable.class.isAssignableFrom(plain);
    }

    @Test
    void everyReturnedTypeIsARecordOrABean() {
        assertThat(publicTypes("io/usagekit", "io/usagekit/events"))
                .contains(UsagePeriod.class, UsageResult.class, OrganisationUsage.class, Event.class)
                .filteredOn(BeanPathTest::holdsValues)
                .as("types that a mapper would print as an empty object")
                .isEmpty();
    }

    /** Whether a type has accessors, none of which a mapper finds. */
    private static boolean holdsValues(Class<?> type) {
        return Modifier.isFinal(type.getModifiers())
                && !type.isEnum()
                && !type.isRecord()
                && !Throwable.class.isAssignableFrom(type)
                && !INPUTS.contains(type.getSimpleName())
                && accessors(type).findAny().isPresent()
                && accessors(type).noneMatch(method -> method.getName().startsWith("get"));
    }

    private static Stream<Method> accessors(Class<?> type) {
        return Stream.of(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers())
                        && !Modifier.isStatic(method.getModifiers())
                        && method.getParameterCount() == 0
                        && method.getReturnType() != void.class
                        && !Set.of("hashCode", "toString").contains(method.getName()));
    }

    private static List<Class<?>> publicTypes(String... packages) {
        try {
            URI code = UsageResult.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI();
            Path path = Path.of(code);
            if (Files.isDirectory(path)) {
                return publicTypes(path, packages);
            }
            try (FileSystem jar = FileSystems.newFileSystem(path)) {
                return publicTypes(jar.getPath("/"), packages);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<Class<?>> publicTypes(Path root, String... packages) throws IOException {
        List<Class<?>> types = new ArrayList<>();
        for (String name : packages) {
            try (Stream<Path> files = Files.list(root.resolve(name))) {
                files.map(file -> file.getFileName().toString())
                        .filter(file -> file.endsWith(".class") && !file.contains("$") && !file.contains("-"))
                        .map(file -> load(name.replace('/', '.') + "." + file.substring(0, file.length() - 6)))
                        .filter(type -> Modifier.isPublic(type.getModifiers()))
                        .forEach(types::add);
            }
        }
        return types;
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name, false, UsageResult.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }
}
