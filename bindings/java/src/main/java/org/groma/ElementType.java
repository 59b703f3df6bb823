// Type of the elements of an array. Columns of points take the first ten.
package org.groma;

/** Type of the elements of an array. Columns of points take the first ten. */
public enum ElementType {
    /** A {@code byte} without sign. */
    U8(Low.GROMA_TYPE_U8),
    /** {@code byte} */
    I8(Low.GROMA_TYPE_I8),
    /** A {@code short} without sign. */
    U16(Low.GROMA_TYPE_U16),
    /** {@code short} */
    I16(Low.GROMA_TYPE_I16),
    /** An {@code int} without sign. */
    U32(Low.GROMA_TYPE_U32),
    /** {@code int} */
    I32(Low.GROMA_TYPE_I32),
    /** A {@code long} without sign. */
    U64(Low.GROMA_TYPE_U64),
    /** {@code long} */
    I64(Low.GROMA_TYPE_I64),
    /** {@code float} */
    F32(Low.GROMA_TYPE_F32),
    /** {@code double} */
    F64(Low.GROMA_TYPE_F64),
    /** One byte, 0 or 1. */
    BOOL(Low.GROMA_TYPE_BOOL),
    /** UTF-8 strings. */
    STRING(Low.GROMA_TYPE_STRING),
    /** IEEE half precision, in a {@code short}. */
    F16(Low.GROMA_TYPE_F16),
    /** The upper half of a {@code float}, in a {@code short}. */
    BF16(Low.GROMA_TYPE_BF16),
    /** Two {@code float}: real, imaginary. */
    C64(Low.GROMA_TYPE_C64),
    /** Two {@code double}: real, imaginary. */
    C128(Low.GROMA_TYPE_C128),
    /** 8 bits: 4 exponent, 3 mantissa, no infinity. */
    F8E4M3FN(Low.GROMA_TYPE_F8E4M3FN),
    /** 8 bits: 4 exponent, 3 mantissa, no infinity, no negative zero. */
    F8E4M3FNUZ(Low.GROMA_TYPE_F8E4M3FNUZ),
    /** 8 bits: 5 exponent, 2 mantissa. */
    F8E5M2(Low.GROMA_TYPE_F8E5M2),
    /** 8 bits: 5 exponent, 2 mantissa, no infinity, no negative zero. */
    F8E5M2FNUZ(Low.GROMA_TYPE_F8E5M2FNUZ),
    /** 8 bits of exponent. */
    F8E8M0(Low.GROMA_TYPE_F8E8M0),
    /** 4 bits: 2 exponent, 1 mantissa; two in a byte, the first in the low bits. */
    F4E2M1(Low.GROMA_TYPE_F4E2M1),
    /** 4 bits without sign; two in a byte, the first in the low bits. */
    U4(Low.GROMA_TYPE_U4),
    /** 4 bits with sign; two in a byte, the first in the low bits. */
    I4(Low.GROMA_TYPE_I4),
    /** 2 bits without sign; four in a byte, the first in the low bits. */
    U2(Low.GROMA_TYPE_U2),
    /** 2 bits with sign; four in a byte, the first in the low bits. */
    I2(Low.GROMA_TYPE_I2),
    /** No tensor. */
    NONE(0);

    /** The number of the C interface. */
    public final int number;

    ElementType(int number) {
        this.number = number;
    }

    static ElementType of(int number) {
        for (ElementType elementType : values()) {
            if (elementType.number == number) return elementType;
        }
        throw new IllegalStateException("no ElementType has the number " + number);
    }

    /** Bytes of one element; 0 for strings and for packed types, of which several share a byte. */
    public int size() {
        switch (this) {
            case U16: case I16: case F16: case BF16: return 2;
            case U32: case I32: case F32: return 4;
            case U64: case I64: case F64: case C64: return 8;
            case C128: return 16;
            case NONE: case STRING: case F4E2M1: case U4: case I4: case U2: case I2: return 0;
            default: return 1;
        }
    }
}
