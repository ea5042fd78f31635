import LaminaProvider

/// Writes one fact after another: for people with blanks between them, or as members of a JSON object.
struct FieldWriter: ~Copyable {
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

    /// The name of an entry or event.
    mutating func word(_ name: StaticString, _ entry: Entry) {
        begin(name)
        quote()
        line.append(entry)
        quote()
    }

    /// Text that came from outside.
    mutating func foreign(_ name: StaticString, _ text: String, before: StaticString = "") {
        begin(name)
        if !isJSON { line.append(before) }
        quote()
        if isJSON { line.append(json: text) } else { line.append(escaped: text) }
        quote()
    }

    /// An address; nothing where there is none.
    mutating func address(_ name: StaticString, _ address: Address?, before: StaticString = "") {
        guard let address, !address.isNone else { return }
        begin(name)
        guard isJSON else {
            line.append(before)
            line.append(address)
            return
        }
        quote()
        // What the address escapes for a person has to be escaped again for JSON.
        var text = LineBuffer(room: 1280)
        text.append(address)
        line.append(json: text)
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
}
