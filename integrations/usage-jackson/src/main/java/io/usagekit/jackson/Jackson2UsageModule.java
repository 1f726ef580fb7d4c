package io.usagekit.jackson;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.KeyDeserializer;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.WarmResult;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Module of Jackson 2 ({@code com.fasterxml.jackson}, 2.12 or newer) that gives figures the JSON form of
 * {@link UsageResponseFormatter}.
 *
 * <table>
 * <caption>JSON forms</caption>
 * <tr><th>type</th><th>JSON form</th><th>is read back</th></tr>
 * <tr><td>{@link UsageResult}</td><td>{@link UsageResponseFormatter#toMap(UsageResult)}, by default of
 *     {@link UsageResponseFormatter#plain()}</td><td>no: its period is a label without a zone</td></tr>
 * <tr><td>{@link OrganisationUsage}</td><td>as of a result with {@link UsageResponseFormatter#plain()}</td><td>no</td></tr>
 * <tr><td>{@link UsageMetrics}</td><td>{@code {"volume": 100, "bytes": 1024}}</td><td>yes; both members are required</td></tr>
 * <tr><td>{@link UsagePeriod}</td><td>its {@link UsagePeriod#canonicalLabel()}, also as the key of a map</td>
 *     <td>yes, by {@link UsagePeriod#parse(String)}</td></tr>
 * <tr><td>{@link UsageKey}</td><td>{@code {"organisation_id": "org-123", "period": "2026-03"}} with the canonical label</td>
 *     <td>yes; both members are required</td></tr>
 * <tr><td>{@link WarmResult}</td><td>{@code {"fresh": 1, "computed": 2, "failures": {"org-123": "overloaded"}}}: the codes of
 *     {@link UsageError}</td><td>no</td></tr>
 * <tr><td>{@link UsageError}</td><td>{@link UsageResponseFormatter#toMap(UsageError)} of the same formatter</td><td>no</td></tr>
 * </table>
 *
 * <p>{@code findAndRegisterModules()} finds the module by its service file, on the class path. Naming strategies, inclusion and order of
 * properties don't change these forms. If several are registered, the last one decides.
 *
 * @since 0.1
 */
public final class Jackson2UsageModule extends SimpleModule {

    private static final long serialVersionUID = 1L;

    /** Prints results by {@link UsageResponseFormatter#plain()}. */
    public Jackson2UsageModule() {
        this(UsageResponseFormatter.plain());
    }

    /** Prints results by this formatter, for example with freshness or in an envelope. */
    public Jackson2UsageModule(UsageResponseFormatter formatter) {
        super("usagekit");
        Objects.requireNonNull(formatter, "formatter");
        addSerializer(UsageResult.class, new ObjectWriter<>(formatter::toMap));
        addSerializer(UsageError.class, new ObjectWriter<>(formatter::toMap));
        addSerializer(OrganisationUsage.class, new ObjectWriter<>(UsageJson::usage));
        addSerializer(UsageMetrics.class, new ObjectWriter<>(UsageJson::metrics));
        addSerializer(UsageKey.class, new ObjectWriter<>(UsageJson::key));
        addSerializer(WarmResult.class, new ObjectWriter<>(UsageJson::warmed));
        addSerializer(UsagePeriod.class, new PeriodWriter());
        addDeserializer(UsageResult.class, new Refusal<>(UsageResult.class));
        addDeserializer(OrganisationUsage.class, new Refusal<>(OrganisationUsage.class));
        addDeserializer(UsageError.class, new Refusal<>(UsageError.class));
        addDeserializer(WarmResult.class, new Refusal<>(WarmResult.class));
        addDeserializer(UsageMetrics.class, new ObjectReader<>(UsageMetrics.class, UsageJson::readMetrics));
        addDeserializer(UsageKey.class, new ObjectReader<>(UsageKey.class, UsageJson::readKey));
        addDeserializer(UsagePeriod.class, new PeriodReader());
        addKeyDeserializer(UsagePeriod.class, new PeriodKeyReader());
    }

    /** Returns this module itself: one with another formatter isn't a duplicate. */
    @Override
    public Object getTypeId() {
        return this;
    }

    private static final class ObjectWriter<T> extends JsonSerializer<T> {

        private final Function<T, Map<String, Object>> members;

        ObjectWriter(Function<T, Map<String, Object>> members) {
            this.members = members;
        }

        @Override
        public void serialize(T value, JsonGenerator json, SerializerProvider provider) throws IOException {
            write(members.apply(value), json);
        }

        private static void write(Map<?, ?> object, JsonGenerator json) throws IOException {
            json.writeStartObject();
            for (Map.Entry<?, ?> member : object.entrySet()) {
                json.writeFieldName(String.valueOf(member.getKey()));
                if (member.getValue() instanceof Map<?, ?> nested) {
                    write(nested, json);
                } else if (member.getValue() instanceof Long number) {
                    json.writeNumber(number);
                } else if (member.getValue() instanceof Boolean flag) {
                    json.writeBoolean(flag);
                } else {
                    json.writeString((String) member.getValue());
                }
            }
            json.writeEndObject();
        }
    }

    private static final class PeriodWriter extends JsonSerializer<UsagePeriod> {

        @Override
        public void serialize(UsagePeriod period, JsonGenerator json, SerializerProvider provider) throws IOException {
            json.writeString(period.canonicalLabel());
        }
    }

    private static final class ObjectReader<T> extends JsonDeserializer<T> {

        private final Class<T> type;
        private final Function<Map<?, ?>, T> reading;

        ObjectReader(Class<T> type, Function<Map<?, ?>, T> reading) {
            this.type = type;
            this.reading = reading;
        }

        @Override
        public T deserialize(JsonParser json, DeserializationContext context) throws IOException {
            Map<?, ?> members = context.readValue(json, Map.class);
            try {
                return reading.apply(members);
            } catch (IllegalArgumentException e) {
                return context.reportInputMismatch(type, "%s", e.getMessage());
            }
        }
    }

    private static final class PeriodReader extends JsonDeserializer<UsagePeriod> {

        @Override
        public UsagePeriod deserialize(JsonParser json, DeserializationContext context) throws IOException {
            String text = context.readValue(json, String.class);
            try {
                return UsagePeriod.parse(text);
            } catch (IllegalArgumentException e) {
                return context.reportInputMismatch(UsagePeriod.class, "%s", e.getMessage());
            }
        }
    }

    private static final class PeriodKeyReader extends KeyDeserializer {

        @Override
        public Object deserializeKey(String key, DeserializationContext context) throws IOException {
            try {
                return UsagePeriod.parse(key);
            } catch (IllegalArgumentException e) {
                return context.reportInputMismatch(UsagePeriod.class, "%s", e.getMessage());
            }
        }
    }

    private static final class Refusal<T> extends JsonDeserializer<T> {

        private final Class<T> type;

        Refusal(Class<T> type) {
            this.type = type;
        }

        @Override
        public @Nullable T deserialize(JsonParser json, DeserializationContext context) throws IOException {
            return context.reportBadDefinition(type, type.getSimpleName() + " " + UsageJson.NOT_READ);
        }
    }
}
