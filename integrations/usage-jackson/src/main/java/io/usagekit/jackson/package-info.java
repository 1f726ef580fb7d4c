/** The JSON form of figures for the host's own Jackson mapper: a module for 2.x and one for 3.x. */
@NullMarked
package io.usagekit.jackson;

import org.jspecify.annotations.NullMarked;
