package io.usagekit.cli.load;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * An event out of a line {@code {"event_type": "push", "data": {...}}}. Other keys are left alone.
 *
 * @param eventType not blank
 * @param data any JSON value, in the very characters in which it stands in the line
 */
record EventLine(String eventType, String data) {

    private static final String EVENT_TYPE = "event_type";
    private static final String DATA = "data";
    private static final char BYTE_ORDER_MARK = '\uFEFF';

    /** Lines are bounded already; only the depth, which costs stack elsewhere, stays bounded as the parser has it. */
    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(Lines.MAX_OCTETS)
                    .maxNumberLength(Lines.MAX_OCTETS)
                    .maxNameLength(Lines.MAX_OCTETS)
                    .build())
            .build();

    /** Whether there is nothing in a line but white space. */
    static boolean isBlank(byte[] line) {
        for (byte octet : line) {
            if (octet != ' ' && octet != '\t' && octet != '\r') {
                return false;
            }
        }
        return true;
    }

    /**
     * Reads a line.
     *
     * @throws BadLineException if it isn't such an object, or holds what PostgreSQL can't
     */
    static EventLine parse(byte[] line) throws BadLineException {
        String text = decode(line);
        if (!text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK) {
            text = text.substring(1);
        }
        try (JsonParser parser = JSON.createParser(text)) {
            return new Reader(text, parser).read();
        } catch (JsonProcessingException e) {
            throw new BadLineException("not JSON: " + e.getOriginalMessage() + position(e));
        } catch (IOException e) {
            throw new UncheckedIOException(e); // out of a string? never
        }
    }

    private static String decode(byte[] line) throws BadLineException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(line))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new BadLineException("not UTF-8: " + e.getMessage());
        }
    }

    private static String position(JsonProcessingException error) {
        return error.getLocation() == null
                ? ""
                : " at column " + error.getLocation().getColumnNr();
    }

    /** One pass over a line. */
    private static final class Reader {
        private final String text;
        private final JsonParser parser;
        private @Nullable String eventType;
        private @Nullable String data;

        Reader(String text, JsonParser parser) {
            this.text = text;
            this.parser = parser;
        }

        EventLine read() throws IOException, BadLineException {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new BadLineException("not a JSON object");
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                parser.nextToken();
                switch (name) {
                    case EVENT_TYPE -> eventType = once(EVENT_TYPE, eventType, type());
                    case DATA -> data = once(DATA, data, slice());
                    default -> parser.skipChildren();
                }
            }
            if (parser.nextToken() != null) {
                throw new BadLineException("something follows the object");
            }
            return new EventLine(present(EVENT_TYPE, eventType), present(DATA, data));
        }

        private String type() throws IOException, BadLineException {
            if (parser.currentToken() != JsonToken.VALUE_STRING) {
                throw new BadLineException(EVENT_TYPE + " must be a string");
            }
            String type = parser.getText();
            if (type.isBlank()) {
                throw new BadLineException(EVENT_TYPE + " must not be blank");
            }
            if (type.indexOf('\0') >= 0) {
                throw new BadLineException(EVENT_TYPE + " must not contain U+0000");
            }
            if (!StandardCharsets.UTF_8.newEncoder().canEncode(type)) {
                throw new BadLineException(EVENT_TYPE + " must be well-formed Unicode, but has an unpaired surrogate");
            }
            return type;
        }

        /** The value at which the parser stands, verbatim. */
        private String slice() throws IOException {
            int from = (int) parser.currentTokenLocation().getCharOffset();
            parser.skipChildren();
            parser.finishToken();
            return text.substring(from, (int) parser.currentLocation().getCharOffset());
        }

        private static String once(String name, @Nullable String before, String now) throws BadLineException {
            if (before != null) {
                throw new BadLineException(name + " is given twice");
            }
            return now;
        }

        private static String present(String name, @Nullable String value) throws BadLineException {
            if (value == null) {
                throw new BadLineException(name + " is missing");
            }
            return value;
        }
    }
}
