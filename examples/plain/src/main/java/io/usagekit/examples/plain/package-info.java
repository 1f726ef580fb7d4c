/** A control plane on the JDK's HTTP server: figures, series, the usage page and health. */
@NullMarked
package io.usagekit.examples.plain;

import org.jspecify.annotations.NullMarked;
