package io.usagekit.verification.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The code blocks of a document that say which file they are quoted from, and what stands in those files. */
final class Quotes {

    private static final Pattern MARK = Pattern.compile("\\s*<!-- quoted from (\\S+) -->\\s*");
    private static final String BEGIN = "tag::quote";
    private static final String END = "end::quote";
    private static final Pattern COMMENT = Pattern.compile("\\s*(?://|#) (" + BEGIN + "|" + END + ")\\s*");
    private static final String FENCE = "```";

    /**
     * A block.
     *
     * @param line where its comment stands, from 1
     * @param path of the file that it says it is from, relative to the project's root
     * @param text its lines
     */
    record Quote(int line, String path, String text) {}

    private Quotes() {}

    /**
     * The quoted blocks of a document.
     *
     * @throws IllegalArgumentException if no whole code block follows a comment; the message says where
     */
    static List<Quote> in(String document) {
        List<String> lines = document.lines().toList();
        List<Quote> quotes = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            Matcher mark = MARK.matcher(lines.get(i));
            if (mark.matches()) {
                quotes.add(new Quote(i + 1, mark.group(1), block(lines, i + 1)));
            }
        }
        return quotes;
    }

    private static String block(List<String> lines, int from) {
        int first = from;
        while (first < lines.size() && lines.get(first).isBlank()) {
            first++;
        }
        if (first < lines.size() && lines.get(first).startsWith(FENCE)) {
            for (int last = first + 1; last < lines.size(); last++) {
                if (lines.get(last).startsWith(FENCE)) {
                    return String.join("\n", lines.subList(first + 1, last));
                }
            }
        }
        throw new IllegalArgumentException("line " + from + ": no whole code block follows 'quoted from'");
    }

    /**
     * The region of a file that is to be quoted, between two comments of Java or of properties, without the indentation that all of it has.
     *
     * @throws IllegalArgumentException if there isn't exactly one
     */
    static String region(Path file) throws IOException {
        List<String> lines = Files.readAllLines(file);
        List<String> marks = lines.stream().map(Quotes::mark).toList();
        if (!marks.stream().filter(mark -> !mark.isEmpty()).toList().equals(List.of(BEGIN, END))) {
            throw new IllegalArgumentException(
                    file + " must have one comment '" + BEGIN + "' and then one '" + END + "'");
        }
        List<String> region = lines.subList(marks.indexOf(BEGIN) + 1, marks.indexOf(END));
        return String.join("\n", region).stripIndent().stripTrailing();
    }

    /** The mark in a line; empty if it has none. */
    private static String mark(String line) {
        Matcher comment = COMMENT.matcher(line);
        return comment.matches() ? comment.group(1) : "";
    }
}
