#include "cli/node_facts.hpp"

#include "cli/node_folder.hpp"
#include "tests/catch.hpp"
#include "tests/temporary_folder.hpp"
#include "tests/unit/trust/signed_swarm.hpp"
#include "trust/key_file.hpp"

namespace brigade::cli {

namespace {

/// A member's folder, with a key; nobody runs in it, and it looks for nobody.
struct Member {
  test::TemporaryFolder folder;
  trust::Owner owner;
  trust::Invite invite = owner.invite();
  NodeId id;

  Member() {
    invite.contacts.clear();
    const auto line = trust::sign_invite(owner.key, invite).value();
    JoinSettings settings;
    settings.listen = "127.0.0.1:0";
    prepare_node(folder.path(), line, invite, settings).value();
    const auto key = trust::create_key({folder / "identity.pem", "identity", ""}).value();
    id = trust::node_id_of(key.public_key());
  }

  NodeFacts facts() const { return gather_facts({"", folder / "node.toml"}); }

  void revoke(const trust::Revoked& subject) const {
    trust::Revocations known(owner.origin);
    const auto bytes = trust::sign_revocation(owner.key, {owner.origin, subject, 0, "nonsense"});
    known.add(bytes.value()).value();
    trust::save_revocations(folder / trust::kRevocationsFile, known).value();
  }
};

}  // namespace

TEST_CASE("a node's folder tells who it is, and whether it has left or rests") {
  const Member member;
  NodeFacts facts = member.facts();
  CHECK(facts.id == to_hex(member.id));
  CHECK_FALSE(facts.is_socket_forbidden);
  CHECK_FALSE(facts.folder.has_left);
  CHECK_FALSE(facts.folder.is_drained);
  CHECK_FALSE(facts.swarm.revocation);
  member.folder.write("drained", "");
  CHECK(member.facts().folder.is_drained);
  member.folder.write("left", "");
  CHECK(member.facts().folder.has_left);
}

TEST_CASE("a node's folder tells whether the owner has put out this node or its invite") {
  const Member member;
  member.revoke(trust::make_invite_id().value());  // another one
  CHECK_FALSE(member.facts().swarm.revocation);
  member.revoke(member.invite.id);
  CHECK(member.facts().swarm.revocation.value().subject == trust::Revoked(member.invite.id));
  member.revoke(member.id);
  CHECK(member.facts().swarm.revocation.value().reason == "nonsense");
  CHECK(member.facts().id == to_hex(member.id));
}

}  // namespace brigade::cli
