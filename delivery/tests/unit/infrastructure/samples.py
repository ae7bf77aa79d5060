"""Modules in the form in which CDK for Terraform writes them, with made-up content."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import zipfile
from pathlib import Path

PROVIDER = """\
export class CloudProvider extends cdktf.TerraformProvider {
  public static readonly tfResourceType = "cloud";
  // region - computed: false, optional: true, required: false
  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      region: {
        value: cdktf.stringToHclTerraform(this._region),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
    };
  }
}
"""

BUCKET = """\
export function cloudBucketRuleToHclTerraform(struct?: cdktf.IResolvable): any {
  const attrs = {
    days: {
      value: cdktf.numberToHclTerraform(struct!.days),
      isBlock: false,
      type: "simple",
      storageClassType: "number",
    },
  };
}

export class CloudBucketRuleOutputReference extends cdktf.ComplexObject {
  // days - computed: false, optional: false, required: true
  public get days() {
    return this.getNumberAttribute('days');
  }
}

export class CloudBucketOwnerOutputReference extends cdktf.ComplexObject {
  // login - computed: true, optional: false, required: false
  public get login() {
    return this.getStringAttribute('login');
  }
}

export class CloudBucket extends cdktf.TerraformResource {
  public static readonly tfResourceType = "cloud_bucket";
  // arn - computed: true, optional: false, required: false
  public get arn() {
    return this.getStringAttribute('arn');
  }
  // name - computed: false, optional: false, required: true
  public get name() {
    return this.getStringAttribute('name');
  }
  // labels - computed: true, optional: true, required: false
  public get labels() {
    return cdktf.Fn.tolist(this.getListAttribute('labels'));
  }
  // owner - computed: true, optional: false, required: false
  private _owner = new CloudBucketOwnerList(this, "owner", false);
  // rule - computed: false, optional: false, required: true
  private _rule = new CloudBucketRuleOutputReference(this, "rule");
  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      labels: {
        value: cdktf.listMapperHcl(cdktf.stringToHclTerraform, false)(this._labels),
        isBlock: false,
        type: "set",
        storageClassType: "stringList",
      },
      name: {
        value: cdktf.stringToHclTerraform(this._name),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
      rule: {
        value: cloudBucketRuleToHclTerraform(this._rule.internalValue),
        isBlock: true,
        type: "list",
        storageClassType: "CloudBucketRuleList",
      },
    };
  }
}
"""

ABOUT = {
    "name": "@cdktf/provider-cloud",
    "cdktf": {"provider": {"name": "registry.example/acme/cloud", "version": "1.2.3"}},
}


def compiled(typescript: str) -> str:
    """What the compiler makes of a module, as far as anybody looks at it."""
    source_map = json.dumps({"version": 3, "sourcesContent": [typescript]})
    packed = base64.b64encode(source_map.encode()).decode()
    return (
        '"use strict";\n'
        f"//# sourceMappingURL=data:application/json;base64,{packed}\n"
    )


def write_wheel(
    folder: Path, modules: dict[str, str], about: dict[str, object] | None = None
) -> Path:
    """Write a package of bindings of the provider ``cloud``.

    :param modules: TypeScript by path below ``lib``.
    """
    files = {f"package/lib/{path}": compiled(text) for path, text in modules.items()}
    files["package/package.json"] = json.dumps(ABOUT if about is None else about)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            packed.addfile(member, io.BytesIO(text.encode()))
    wheel = folder / "cdktf_cdktf_provider_cloud-9.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as package:
        inner = "cdktf_cdktf_provider_cloud/_jsii/provider-cloud@9.0.0.jsii.tgz"
        package.writestr(inner, archive.getvalue())
    return wheel
