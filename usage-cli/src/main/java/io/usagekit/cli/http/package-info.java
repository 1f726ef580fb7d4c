/** The HTTP endpoint that the demo serves figures on. */
@NullMarked
package io.usagekit.cli.http;

import org.jspecify.annotations.NullMarked;
