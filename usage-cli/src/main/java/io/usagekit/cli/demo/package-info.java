/** The demo: generated events, several processes that share one Redis, and what their callers received. */
@NullMarked
package io.usagekit.cli.demo;

import org.jspecify.annotations.NullMarked;
