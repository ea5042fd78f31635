import CLamina
import LaminaProvider

/// Writes one fact after another: for people with blanks between them, or as members of a JSON object.
struct FieldWriter {
    var line: LineBuffer
    let isJSON: Bool

    /// Puts the name of a member, or a blank, before what comes next.
    private mutating func begin(_ name: StaticString) {
        if isJSON {
            line.append(",\"")
            line.append(name)
            line.append("\":")
        } else {
            line.append(" ")
        }
    }

    /// A number, in text with what stands before and after it.
    mutating func number(_ name: StaticString, _ value: Int64, before: StaticString = "", after: StaticString = "") {
        begin(name)
        if !isJSON { line.append(before) }
        line.append(signed: value)
        if !isJSON { line.append(after) }
    }

    /// A count of bytes or of something else that has a singular.
    mutating func count(_ name: StaticString, _ value: UInt64, before: StaticString = "", of unit: StaticString) {
        begin(name)
        if !isJSON { line.append(before) }
        line.append(number: value)
        guard !isJSON else { return }
        line.append(" ")
        line.append(unit)
        if value != 1 { line.append("s") }
    }

    /// A word of the tracer's own.
    mutating func word(_ name: StaticString, _ word: StaticString) {
        begin(name)
        quote()
        line.append(word)
        quote()
    }

    /// Something that is so: the word itself, or a member that is true.
    mutating func flag(_ name: StaticString) {
        begin(name)
        line.append(isJSON ? "true" : name)
    }

    /// A word from a table of names.
    mutating func word(_ name: StaticString, cString: UnsafePointer<CChar>) {
        begin(name)
        quote()
        line.append(cString: cString)
        quote()
    }

    /// Text that came from outside.
    mutating func foreign(_ name: StaticString, _ text: UnsafePointer<CChar>, before: StaticString = "") {
        begin(name)
        if !isJSON { line.append(before) }
        quote()
        foreignText(text)
        quote()
    }

    /// Text that came from outside, without its member's name.
    mutating func foreignText(_ text: UnsafePointer<CChar>) {
        guard isJSON else {
            line.append(escaped: UnsafeRawBufferPointer(start: text, count: length(text)))
            return
        }
        for byte in String(cString: text).utf8 {
            if byte < 0x80 {
                withUnsafeBytes(of: byte) { line.append(json: $0) }
            } else {
                line.append(byte: byte)
            }
        }
    }

    /// An address; nothing where there is none.
    mutating func address(
        _ name: StaticString,
        _ address: UnsafePointer<lamina_address>,
        before: StaticString = ""
    ) {
        guard address.pointee.form != UInt16(LAMINA_ADDRESS_NONE) else { return }
        begin(name)
        guard isJSON else {
            line.append(before)
            line.append(address: address)
            return
        }
        quote()
        // What the address escapes for a person has to be escaped again for JSON.
        withUnsafeTemporaryAllocation(byteCount: 1280, alignment: 1) { memory in
            var text = LineBuffer(memory)
            text.append(address: address)
            line.append(json: text.bytes)
        }
        quote()
    }

    /// Begins a member that the caller writes itself, in quotes.
    mutating func quoted(_ name: StaticString, _ write: (inout LineBuffer) -> Void) {
        begin(name)
        quote()
        write(&line)
        quote()
    }

    private mutating func quote() {
        if isJSON { line.append("\"") }
    }

    private func length(_ text: UnsafePointer<CChar>) -> Int {
        var length = 0
        while text[length] != 0 { length += 1 }
        return length
    }
}
