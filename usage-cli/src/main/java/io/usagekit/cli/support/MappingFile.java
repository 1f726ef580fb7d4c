package io.usagekit.cli.support;

import io.usagekit.postgres.TableMapping;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;

/** The names of a host's tables and columns, in a properties file. */
final class MappingFile {

    private static final String PRESET = "preset";
    private static final String SCHEMA = "schema";

    /** What an entry does to the mapping, by its key. */
    private static final Map<String, BiFunction<TableMapping.Builder, String, TableMapping.Builder>> KEYS = keys();

    private MappingFile() {}

    private static Map<String, BiFunction<TableMapping.Builder, String, TableMapping.Builder>> keys() {
        Map<String, BiFunction<TableMapping.Builder, String, TableMapping.Builder>> keys = new LinkedHashMap<>();
        keys.put(SCHEMA, TableMapping.Builder::schema);
        keys.put("projects", TableMapping.Builder::projects);
        keys.put("projectId", TableMapping.Builder::projectId);
        keys.put("projectOrganisationId", TableMapping.Builder::projectOrganisationId);
        keys.put(
                "projectDeletedAt",
                unlessEmpty(TableMapping.Builder::withoutProjectDeletion, TableMapping.Builder::projectDeletedAt));
        keys.put("events", TableMapping.Builder::events);
        keys.put("eventId", TableMapping.Builder::eventId);
        keys.put("eventProjectId", TableMapping.Builder::eventProjectId);
        keys.put("eventCreatedAt", TableMapping.Builder::eventCreatedAt);
        keys.put(
                "eventDeletedAt",
                unlessEmpty(TableMapping.Builder::withoutEventDeletion, TableMapping.Builder::eventDeletedAt));
        keys.put("payload", (mapping, value) -> mapping.payload(list(value)));
        keys.put("storedBytes", unlessEmpty(TableMapping.Builder::withoutStoredBytes, MappingFile::storedBytes));
        keys.put("deliveries", TableMapping.Builder::deliveries);
        keys.put("deliveryId", TableMapping.Builder::deliveryId);
        keys.put("deliveryProjectId", TableMapping.Builder::deliveryProjectId);
        keys.put("deliveryEventId", TableMapping.Builder::deliveryEventId);
        keys.put("deliveryStatus", TableMapping.Builder::deliveryStatus);
        keys.put("deliveryCreatedAt", TableMapping.Builder::deliveryCreatedAt);
        keys.put(
                "deliveryStoredBytes",
                unlessEmpty(
                        TableMapping.Builder::withoutDeliveryStoredBytes, TableMapping.Builder::deliveryStoredBytes));
        keys.put("timestampsIn", (mapping, value) -> mapping.timestampsIn(zone(value)));
        keys.put("keepDeletedProjects", MappingFile::keepDeletedProjects);
        keys.put("deliveredStatuses", (mapping, value) -> mapping.deliveredStatuses(list(value)));
        return keys;
    }

    private static BiFunction<TableMapping.Builder, String, TableMapping.Builder> unlessEmpty(
            Function<TableMapping.Builder, TableMapping.Builder> none,
            BiFunction<TableMapping.Builder, String, TableMapping.Builder> some) {
        return (mapping, value) -> value.isEmpty() ? none.apply(mapping) : some.apply(mapping, value);
    }

    private static TableMapping.Builder keepDeletedProjects(TableMapping.Builder mapping, String value) {
        return switch (value) {
            case "true" -> mapping.keepDeletedProjects();
            case "false" -> mapping;
            default ->
                throw new IllegalArgumentException(
                        "keepDeletedProjects must be true or false, but was '" + value + "'");
        };
    }

    private static ZoneId zone(String value) {
        try {
            return ZoneId.of(value);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("timestampsIn must be UTC, but was '" + value + "'", e);
        }
    }

    /** A column of the whole size, or several ones, each after the payload column whose size it holds and a colon. */
    private static TableMapping.Builder storedBytes(TableMapping.Builder mapping, String value) {
        if (!value.contains(":")) {
            return mapping.storedBytes(value);
        }
        mapping.withoutStoredBytes();
        for (String part : list(value)) {
            String[] names = part.split(":", -1);
            if (names.length != 2) {
                throw new IllegalArgumentException(
                        "storedBytes must be one column, or columns after their payload column as in"
                                + " raw:raw_bytes, data:data_bytes, but was '" + value + "'");
            }
            mapping.storedBytes(names[0].strip(), names[1].strip());
        }
        return mapping;
    }

    private static String[] list(String value) {
        return Arrays.stream(value.split(","))
                .map(String::strip)
                .filter(name -> !name.isEmpty())
                .toArray(String[]::new);
    }

    /**
     * Reads a mapping.
     *
     * @param schema takes precedence over the file's
     * @throws IllegalArgumentException naming the file, the key, the value and the bound
     */
    static TableMapping read(Path file, Optional<String> schema) throws IOException {
        Map<String, String> entries = entries(file);
        schema.ifPresent(name -> entries.put(SCHEMA, name));
        try {
            if (!entries.containsKey(SCHEMA)) {
                throw new IllegalArgumentException("schema must be given, there or by --schema");
            }
            TableMapping.Builder mapping = preset(entries);
            for (Map.Entry<String, BiFunction<TableMapping.Builder, String, TableMapping.Builder>> key :
                    KEYS.entrySet()) {
                String value = entries.get(key.getKey());
                if (value != null) {
                    mapping = key.getValue().apply(mapping, value);
                }
            }
            return mapping.build();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the mapping " + file + ": " + e.getMessage(), e);
        }
    }

    private static Map<String, String> entries(Path file) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the mapping " + file + " can't be read: " + e.getMessage(), e);
        }
        Map<String, String> entries = new LinkedHashMap<>();
        for (String key : new TreeSet<>(properties.stringPropertyNames())) {
            if (!KEYS.containsKey(key) && !key.equals(PRESET)) {
                throw new IllegalArgumentException("the mapping " + file + ": there is no key " + key + "; keys are "
                        + PRESET + ", " + String.join(", ", KEYS.keySet()));
            }
            entries.put(key, properties.getProperty(key).strip());
        }
        return entries;
    }

    private static TableMapping.Builder preset(Map<String, String> entries) {
        String schema = entries.getOrDefault(SCHEMA, "");
        String preset = entries.getOrDefault(PRESET, "gateway");
        return switch (preset) {
            case "gateway" -> TableMapping.gateway(schema).toBuilder();
            case "own" -> TableMapping.usagekit(schema).toBuilder();
            default ->
                throw new IllegalArgumentException(
                        "preset must be one of " + List.of("gateway", "own") + ", but was '" + preset + "'");
        };
    }
}
