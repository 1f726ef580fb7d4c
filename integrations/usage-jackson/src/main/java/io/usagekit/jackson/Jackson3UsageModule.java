package io.usagekit.jackson;

import io.usagekit.UsagePeriod;
import io.usagekit.format.UsageResponseFormatter;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.KeyDeserializer;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.module.SimpleModule;

/**
 * Module of Jackson 3 ({@code tools.jackson}) that gives figures the
 * {@linkplain io.usagekit.jackson JSON forms} of this package.
 *
 * <p>{@code findAndAddModules()} finds the module by its service file, on the class path. Naming strategies, inclusion and order of
 * properties don't change these forms. If several are registered, the last one decides.
 *
 * @since 0.1
 */
public final class Jackson3UsageModule extends SimpleModule {

    private static final long serialVersionUID = 1L;

    /** Prints results by {@link UsageResponseFormatter#plain()}. */
    public Jackson3UsageModule() {
        this(UsageResponseFormatter.plain());
    }

    /** Prints results by this formatter, for example with freshness or in an envelope. */
    public Jackson3UsageModule(UsageResponseFormatter formatter) {
        super("usagekit");
        UsageForm.all(formatter).forEach(this::add);
        addKeyDeserializer(UsagePeriod.class, new PeriodKeyReader());
    }

    private <T> void add(UsageForm<T> form) {
        addSerializer(form.type(), new Writer<>(form));
        addDeserializer(form.type(), new Reader<>(form));
    }

    /** Returns this module itself: one with another formatter isn't a duplicate. */
    @Override
    public Object getRegistrationId() {
        return this;
    }

    private static final class Writer<T> extends ValueSerializer<T> {

        private final UsageForm<T> form;

        Writer(UsageForm<T> form) {
            this.form = form;
        }

        @Override
        public void serialize(T value, JsonGenerator json, SerializationContext context) {
            write(form.written().apply(value), json);
        }

        private static void write(Object value, JsonGenerator json) {
            if (value instanceof Map<?, ?> members) {
                json.writeStartObject();
                for (Map.Entry<?, ?> member : members.entrySet()) {
                    json.writeName(String.valueOf(member.getKey()));
                    write(member.getValue(), json);
                }
                json.writeEndObject();
            } else if (value instanceof List<?> elements) {
                json.writeStartArray();
                for (Object element : elements) {
                    write(element, json);
                }
                json.writeEndArray();
            } else if (value instanceof Long number) {
                json.writeNumber(number);
            } else if (value instanceof Boolean flag) {
                json.writeBoolean(flag);
            } else {
                json.writeString((String) value);
            }
        }
    }

    private static final class Reader<T> extends ValueDeserializer<T> {

        private final UsageForm<T> form;

        Reader(UsageForm<T> form) {
            this.form = form;
        }

        @Override
        public T deserialize(JsonParser json, DeserializationContext context) {
            UsageForm.Reading<?, T> reading = form.read().orElse(null);
            if (reading == null) {
                return context.reportBadDefinition(form.type(), form.refusal());
            }
            Object read = context.readValue(json, reading.json());
            try {
                return reading.parse(read);
            } catch (IllegalArgumentException e) {
                return context.reportInputMismatch(form.type(), "%s", e.getMessage());
            }
        }
    }

    private static final class PeriodKeyReader extends KeyDeserializer {

        @Override
        public Object deserializeKey(String key, DeserializationContext context) {
            try {
                return UsagePeriod.parse(key);
            } catch (IllegalArgumentException e) {
                return context.reportInputMismatch(UsagePeriod.class, "%s", e.getMessage());
            }
        }
    }
}
