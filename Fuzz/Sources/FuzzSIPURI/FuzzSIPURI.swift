import SIP

/// Any text is refused or read as a URI, address, Via and other header values without a trap; what was read
/// is written in a form that reads as itself.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSIPURI(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
  if let uri = SIPURI(text) {
    let written = uri.serialised()
    guard let again = SIPURI(written) else { fatalError("refused what it wrote") }
    precondition(again.serialised() == written)
    precondition(uri.isEquivalent(to: uri))
    precondition(again.isEquivalent(to: again))
    _ = (uri.description, uri.headerFields)
  }
  if let address = NameAddress(text) {
    let written = address.serialised()
    guard let again = NameAddress(written) else { fatalError("refused what it wrote") }
    precondition(again.displayName == address.displayName)
    precondition(again.parameters == address.parameters)
    precondition(again.serialised() == written)
  }
  if let via = Via(text) {
    guard let again = Via(via.description) else { fatalError("refused what it wrote") }
    precondition(again == via)
  }
  if let list = try? NameAddress.parseList(text) {
    let written = list.map { $0.serialised() }.joined(separator: ",")
    precondition((try? NameAddress.parseList(written))?.count == list.count)
  }
  if let field = AuthenticationField(text) {
    precondition(AuthenticationField(field.description) == field)
  }
  if let type = ContentType(text) { precondition(ContentType(type.description) == type) }
  if let cSeq = CSeq(text) { precondition(CSeq(cSeq.description) == cSeq) }
  _ = (RAck(text), Replaces(text), ReasonValue(text), SessionExpires(text), SIPHeaderName(text))
  return 0
}
