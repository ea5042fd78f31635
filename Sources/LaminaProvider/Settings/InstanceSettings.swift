public import CLamina

/// The settings that `instantiate` got (`lamina_instance_arguments`). Every setting that was declared with a default
/// is there.
public struct InstanceSettings {
    private let arguments: UnsafePointer<lamina_instance_arguments>

    /// The settings of these arguments, which must live as long as they are read.
    public init(_ arguments: UnsafePointer<lamina_instance_arguments>) {
        self.arguments = arguments
    }

    /// Runs `body` for each setting of this name: once, unless it is a list.
    public func forEach(_ name: StaticString, _ body: (lamina_setting) -> Void) {
        guard let settings = arguments.pointee.settings else { return }
        for index in 0..<Int(arguments.pointee.setting_count) where Self.equals(settings[index].name, name) {
            body(settings[index])
        }
    }

    /// A number's value: bytes, nanoseconds, or 0 and 1 for a boolean.
    public func number(_ name: StaticString, default value: Int64 = 0) -> Int64 {
        var value = value
        forEach(name) { value = $0.number }
        return value
    }

    /// The text of a choice, path or text, or nil where it wasn't given. It lives as long as the instance.
    public func text(_ name: StaticString) -> UnsafePointer<CChar>? {
        var text: UnsafePointer<CChar>?
        forEach(name) { text = $0.text }
        return text
    }

    /// The texts of a list, in the order given; empty where it wasn't.
    public func texts(_ name: StaticString) -> [String] {
        var texts: [String] = []
        forEach(name) { setting in
            if let text = setting.text { texts.append(String(cString: text)) }
        }
        return texts
    }

    /// Says in one line why no instance can be made, and gives the status that `instantiate` returns.
    public func refuse(_ status: lamina_status, _ write: (inout LineBuffer) -> Void) -> lamina_status {
        Self.write(arguments.pointee.reason, arguments.pointee.reason_capacity, write)
        return status
    }

    /// Says this line, and gives the status.
    public func refuse(_ status: lamina_status, _ text: String) -> lamina_status {
        Self.write(text, arguments.pointee.reason, arguments.pointee.reason_capacity)
        return status
    }

    /// Writes a line into the room that the framework gave for a reason, NUL-terminated.
    static func write(_ text: String, _ reason: UnsafeMutablePointer<CChar>, _ capacity: Int) {
        write(reason, capacity) { $0.append(text: text) }
    }

    private static func write(
        _ reason: UnsafeMutablePointer<CChar>,
        _ capacity: Int,
        _ write: (inout LineBuffer) -> Void
    ) {
        let reason = UnsafeMutableRawPointer(reason)
        var line = LineBuffer(UnsafeMutableRawBufferPointer(start: reason, count: capacity))
        write(&line)
        reason.storeBytes(of: 0, toByteOffset: min(line.count, max(capacity - 1, 0)), as: UInt8.self)
    }

    /// Whether NUL-terminated text equals a literal.
    static func equals(_ text: UnsafePointer<CChar>, _ literal: StaticString) -> Bool {
        for index in 0..<literal.utf8CodeUnitCount
        where UInt8(bitPattern: text[index]) != literal.utf8Start[index] {
            return false
        }
        return text[literal.utf8CodeUnitCount] == 0
    }
}
