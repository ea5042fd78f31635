// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// Makes an engine that the program runs.
@c @implementation
public func lamina_engine_open(
    _ engine: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(engine, "engine")
        room.pointee = Handle(try Engine()).give()
        return 0
    }
}

/// Gives an engine up.
@c @implementation
public func lamina_engine_close(_ engine: OpaquePointer?) {
    Handle<Engine>.take(engine)
}

/// The descriptor to poll.
@c @implementation
public func lamina_engine_descriptor(_ engine: OpaquePointer?) -> Int32 {
    engine.map { Handle<Engine>.of($0).object.descriptor } ?? -EINVAL
}

/// Does what is due.
@c @implementation
public func lamina_engine_run(_ engine: OpaquePointer?, _ timeout: Int32) -> Int32 {
    guard let engine else { return -EINVAL }
    let done = Handle<Engine>.of(engine).object.run(timeout: timeout < 0 ? nil : Int64(timeout) * 1_000_000)
    return Int32(clamping: done)
}
