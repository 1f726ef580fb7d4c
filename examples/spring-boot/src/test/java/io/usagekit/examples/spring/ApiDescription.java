package io.usagekit.examples.spring;

import com.networknt.schema.Schema;
import com.networknt.schema.SchemaLocation;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SchemaRegistryConfig;
import com.networknt.schema.dialect.Dialects;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.StringNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** An OpenAPI 3.1 description, with which responses of {@code GET} are compared: status, headers, media type, and body by its schema. */
final class ApiDescription {

    private static final String LOCATION = "https://usagekit.invalid/openapi.yaml";

    private final JsonNode document;
    private final SchemaRegistry schemas;

    /** Reads a description in YAML. */
    ApiDescription(String yaml) {
        document = new YAMLMapper().readTree(yaml);
        schemas = SchemaRegistry.withDefaultDialect(
                Dialects.getOpenApi31(),
                registry -> registry.schemas(Map.of(LOCATION, yaml))
                        .schemaRegistryConfig(SchemaRegistryConfig.builder()
                                .formatAssertionsEnabled(true)
                                .build()));
    }

    /** What the response has and the description doesn't, or the other way round; empty if they agree. */
    List<String> differences(String path, HttpResponse<String> response) {
        Optional<String> described = resolved("/paths/" + escaped(path) + "/get/responses/" + response.statusCode());
        if (described.isEmpty()) {
            return List.of("the status " + response.statusCode() + " isn't described");
        }
        List<String> differences = new ArrayList<>();
        for (String name : document.at(described.get() + "/headers").propertyNames()) {
            differences.addAll(headerDifferences(
                    name,
                    resolved(described.get() + "/headers/" + escaped(name)).orElseThrow(),
                    response));
        }
        differences.addAll(bodyDifferences(described.get() + "/content", response));
        return differences;
    }

    private List<String> headerDifferences(String name, String pointer, HttpResponse<String> response) {
        Optional<String> value = response.headers().firstValue(name);
        if (value.isPresent()) {
            return invalid("the header " + name, pointer + "/schema", StringNode.valueOf(value.get()));
        }
        return document.at(pointer + "/required").asBoolean(false)
                ? List.of("the header " + name + " is missing")
                : List.of();
    }

    private List<String> bodyDifferences(String content, HttpResponse<String> response) {
        if (response.body().isEmpty()) {
            return document.at(content).isMissingNode() ? List.of() : List.of("the body is missing");
        }
        String type = response.headers().firstValue("Content-Type").orElse("").replaceFirst(";.*", "");
        String media = content + "/" + escaped(type);
        return document.at(media).isMissingNode()
                ? List.of("a body of the type '" + type + "' isn't described")
                : invalid("the body", media + "/schema", new YAMLMapper().readTree(response.body()));
    }

    private List<String> invalid(String what, String pointer, JsonNode value) {
        Schema schema = schemas.getSchema(SchemaLocation.of(LOCATION + "#" + pointer));
        return schema.validate(value).stream().map(error -> what + ": " + error).toList();
    }

    /** The pointer to an object of the description, behind its reference if it is one; empty if there is none. */
    private Optional<String> resolved(String pointer) {
        JsonNode node = document.at(pointer);
        if (node.isMissingNode()) {
            return Optional.empty();
        }
        JsonNode reference = node.path("$ref");
        return Optional.of(
                reference.isMissingNode() ? pointer : reference.asString().substring(1));
    }

    private static String escaped(String name) {
        return name.replace("~", "~0").replace("/", "~1");
    }
}
