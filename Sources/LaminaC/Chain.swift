// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// Makes a chain.
@c @implementation
public func lamina_chain_open(
    _ layers: UnsafePointer<UnsafePointer<CChar>?>?,
    _ count: Int,
    _ base: UnsafePointer<CChar>?,
    _ catalog: OpaquePointer?,
    _ engine: OpaquePointer?,
    _ chain: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(chain, "chain")
        var specifications: [LayerSpecification] = []
        for layer in try texts(layers, count, "layers") {
            specifications.append(try LayerSpecification(parsing: layer))
        }
        let made = try Chain(
            layers: specifications,
            base: try LayerSpecification(parsing: base.map { String(cString: $0) } ?? ChainDefinition.defaultBase),
            catalog: catalogOrStandard(catalog),
            engine: engineOrShared(engine)
        )
        room.pointee = Handle(made, texts: made.labels + made.warnings).give()
        return 0
    }
}

/// Makes the chain of this name.
@c @implementation
public func lamina_chain_named(
    _ name: UnsafePointer<CChar>?,
    _ catalog: OpaquePointer?,
    _ engine: OpaquePointer?,
    _ chain: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(chain, "chain")
        let made = try Chain(
            named: try text(name, "name"),
            catalog: catalogOrStandard(catalog),
            engine: engineOrShared(engine)
        )
        room.pointee = Handle(made, texts: made.labels + made.warnings).give()
        return 0
    }
}

/// Makes the chain that this program gets.
@c @implementation
public func lamina_chain_of_program(
    _ catalog: OpaquePointer?,
    _ engine: OpaquePointer?,
    _ chain: UnsafeMutablePointer<OpaquePointer?>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(chain, "chain")
        let made = try Chain.ofProgram(catalog: catalogOrStandard(catalog), engine: engineOrShared(engine))
        room.pointee = Handle(made, texts: made.labels + made.warnings).give()
        return 0
    }
}

/// The catalog of a handle, or the standard one.
private func catalogOrStandard(_ catalog: OpaquePointer?) -> Catalog {
    catalog.map { Handle<ShownCatalog>.of($0).object.catalog } ?? Catalog()
}

/// The engine of a handle, or the shared one.
private func engineOrShared(_ engine: OpaquePointer?) -> Engine {
    engine.map { Handle<Engine>.of($0).object } ?? .shared
}

/// Gives a chain up.
@c @implementation
public func lamina_chain_close(_ chain: OpaquePointer?) {
    Handle<Chain>.take(chain)
}

/// What the chain does to data.
@c @implementation
public func lamina_chain_effect(_ chain: OpaquePointer?) -> lamina_status {
    chain.map { Handle<Chain>.of($0).object.effect.c } ?? -EINVAL
}

/// The label of a level.
@c @implementation
public func lamina_chain_label(_ chain: OpaquePointer?, _ index: Int) -> UnsafePointer<CChar>? {
    guard let handle = chain.map(Handle<Chain>.of), handle.object.instances.indices.contains(index) else { return nil }
    return handle.text(index)
}

/// A warning about the order.
@c @implementation
public func lamina_chain_warning(_ chain: OpaquePointer?, _ index: Int) -> UnsafePointer<CChar>? {
    guard let handle = chain.map(Handle<Chain>.of), handle.object.warnings.indices.contains(index) else { return nil }
    return handle.text(handle.object.instances.count + index)
}

/// Closes a chain's sockets and waits until they are gone.
@c @implementation
public func lamina_wait_close_sockets(
    _ chain: OpaquePointer?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try Handle<Chain>.of(try given(chain, "chain")).object.closeSockets(deadline: deadline)
        return 0
    }
}
